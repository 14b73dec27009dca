package dev.buildd.examples;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.session.filesync.source.FileStat;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A daemon that builds nothing: it has one file, the Dockerfile, and keeps the definitions that a
 * frontend asks it to build.
 */
final class OfflineGateway implements GatewayClient {
  private static final String DOCKERFILE_SOURCE = "local://dockerfile";

  /** What frontends ask whether daemons can do it, and today's can. */
  private static final Set<String> LLB_CAPS =
      Set.of(
          "file.base",
          "mergeop",
          "exec.meta.cgroup.parent",
          "exec.meta.linux.resources",
          "exec.meta.setsdefaultpath",
          "exec.meta.ulimit",
          "exec.mount.bind.readwrite-nooutput",
          "exec.mount.tmpfs.size");

  private final byte[] dockerfile;
  private final Map<String, String> options;
  private final String session;
  private final ImageConfigs images;

  /**
   * @param session that local sources are of; empty for those of whoever builds the definition
   */
  OfflineGateway(
      byte[] dockerfile, Map<String, String> options, String session, ImageConfigs images) {
    this.dockerfile = dockerfile;
    this.options = Map.copyOf(options);
    this.session = session;
    this.images = images;
  }

  @Override
  public Map<String, String> options() {
    return options;
  }

  @Override
  public String sessionId() {
    return session;
  }

  @Override
  public String product() {
    return "";
  }

  @Override
  public List<WorkerInfo> workers() {
    return List.of(
        new WorkerInfo(
            "none",
            new TreeMap<>(),
            List.of(Platform.host().normalized()),
            List.of(),
            new WorkerInfo.BuildkitVersion("", "", "", ""),
            List.of()));
  }

  @Override
  public Set<String> frontendCaps() {
    return Set.of();
  }

  @Override
  public Set<String> llbCaps() {
    return LLB_CAPS;
  }

  @Override
  public Map<String, Definition> inputs() {
    return Map.of();
  }

  @Override
  public Result solve(Request request) {
    return Result.of(
        new Unbuilt(
            request
                .definition()
                .orElseThrow(
                    () -> BuildException.invalid("there is no frontend " + request.frontend()))));
  }

  @Override
  public ImageMetaResolver.Resolved resolveImageConfig(ImageRequest request) {
    return images.find(request.reference(), request.platform());
  }

  @Override
  public SourceMeta resolveSourceMeta(SourceMetaRequest request) {
    throw BuildException.invalid("nothing is known of " + request.identifier() + " offline");
  }

  @Override
  public void warn(String vertex, Warning warning) {
    String line = warning.spans().isEmpty() ? "" : warning.spans().getFirst().startLine() + ": ";
    System.err.println("warning: " + line + new String(warning.message(), StandardCharsets.UTF_8));
  }

  /** What would be built. */
  private final class Unbuilt implements Reference {
    private final Definition definition;

    Unbuilt(Definition definition) {
      this.definition = definition;
    }

    @Override
    public String id() {
      return definition.head().orElse("");
    }

    @Override
    public Optional<Definition> definition() {
      return Optional.of(definition);
    }

    @Override
    public byte[] readFile(String path) {
      boolean isDockerfile =
          path.equals("Dockerfile")
              && definition.sources().stream()
                  .anyMatch(source -> source.identifier().equals(DOCKERFILE_SOURCE));
      if (!isDockerfile) {
        throw BuildException.notFound("open " + path + ": no files but the Dockerfile offline");
      }
      return dockerfile;
    }

    @Override
    public byte[] readFile(String path, long offset, long length) {
      byte[] all = readFile(path);
      int from = (int) Math.min(offset, all.length);
      return Arrays.copyOfRange(
          all, from, length == 0 ? all.length : (int) Math.min(offset + length, all.length));
    }

    @Override
    public List<FileStat> readDir(String path, String includePattern) {
      throw BuildException.notFound("open " + path + ": no directories offline");
    }

    @Override
    public FileStat statFile(String path) {
      throw BuildException.notFound("lstat " + path + ": no files offline");
    }

    @Override
    public void evaluate() {}
  }
}
