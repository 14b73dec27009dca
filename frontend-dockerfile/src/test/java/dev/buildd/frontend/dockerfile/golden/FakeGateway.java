package dev.buildd.frontend.dockerfile.golden;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.session.filesync.source.FileStat;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** A daemon that builds nothing: it knows the files of a vector, and remembers what it is asked. */
public final class FakeGateway implements GatewayClient {
  static final String SESSION = "golden-session";
  private static final String IMAGE = "docker-image://";
  private static final String LAYOUT = "oci-layout://";

  private static final Set<String> LLB_CAPS =
      Set.of(
          "source.image",
          "source.image.resolvemode",
          "source.image.layerlimit",
          "source.image.checksum",
          "source.imageblob",
          "source.local",
          "source.local.unique",
          "source.local.sessionid",
          "source.local.includepatterns",
          "source.local.followpaths",
          "source.local.excludepatterns",
          "source.local.sharedkeyhint",
          "source.local.differ",
          "source.local.metadatatransfer",
          "source.git",
          "source.git.keepgitdir",
          "source.git.fullurl",
          "source.git.httpauth",
          "source.git.knownsshhosts",
          "source.git.mountsshsock",
          "source.git.checksum",
          "source.git.skipsubmodules",
          "source.git.mtime",
          "source.git.fetchbycommit",
          "source.http",
          "source.http.auth",
          "source.http.checksum",
          "source.http.perm",
          "source.http.header",
          "source.ocilayout",
          "source.buildop.llbfilename",
          "exec.meta.base",
          "exec.meta.cgroup.parent",
          "exec.meta.network",
          "exec.meta.proxyenv",
          "exec.meta.security",
          "exec.meta.security.devices",
          "exec.meta.setsdefaultpath",
          "exec.meta.ulimit",
          "exec.meta.cdi",
          "exec.meta.linux.resources",
          "exec.meta.removemountstubs.recursive",
          "exec.mount.bind",
          "exec.mount.bind.readwrite-nooutput",
          "exec.mount.cache",
          "exec.mount.cache.content",
          "exec.mount.cache.sharing",
          "exec.mount.selector",
          "exec.mount.tmpfs",
          "exec.mount.tmpfs.size",
          "exec.mount.secret",
          "exec.mount.ssh",
          "exec.secretenv",
          "exec.validexitcode",
          "file.base",
          "mergeop",
          "diffop",
          "passthroughop",
          "constraints",
          "platform",
          "meta.ignorecache",
          "meta.description",
          "meta.exportcache");
  private static final Set<String> GATEWAY_CAPS =
      Set.of(
          "frontend.inputs",
          "frontend.caps",
          "frontendapi.source.metaresolver",
          "source.metaresolver",
          "gateway.warnings",
          "gateway.evaluate",
          "gateway.exec");

  /** A solve that was asked for. */
  static final class Solve {
    final Request request;
    final FakeReference reference;

    Solve(Request request, FakeReference reference) {
      this.request = request;
      this.reference = reference;
    }
  }

  private final Vector vector;
  private final Map<String, Object> images;
  final List<Solve> solves = Collections.synchronizedList(new ArrayList<>());
  final List<String> reads = Collections.synchronizedList(new ArrayList<>());
  final List<SortedMap<String, Object>> imageRequests =
      Collections.synchronizedList(new ArrayList<>());
  final List<String> sourceRequests = Collections.synchronizedList(new ArrayList<>());
  final List<Map<String, Object>> warnings = Collections.synchronizedList(new ArrayList<>());

  public FakeGateway(Vector vector, Map<String, Object> images) {
    this.vector = vector;
    this.images = images;
  }

  @Override
  public Map<String, String> options() {
    return vector.options();
  }

  @Override
  public String sessionId() {
    return SESSION;
  }

  @Override
  public String product() {
    return "buildkit";
  }

  @Override
  public List<WorkerInfo> workers() {
    List<String> names = Json.texts(vector.input(), "workerPlatforms");
    List<Platform> platforms =
        (names.isEmpty() ? List.of("linux/amd64") : names).stream().map(Platform::parse).toList();
    return List.of(
        new WorkerInfo(
            "worker",
            new TreeMap<>(),
            platforms,
            List.of(),
            new WorkerInfo.BuildkitVersion("", "", "", ""),
            List.of()));
  }

  @Override
  public Set<String> frontendCaps() {
    return without(GATEWAY_CAPS, "disableGatewayCaps");
  }

  @Override
  public Set<String> llbCaps() {
    return without(LLB_CAPS, "disableLLBCaps");
  }

  private Set<String> without(Set<String> caps, String member) {
    Set<String> out = new HashSet<>(caps);
    Json.texts(vector.input(), member).forEach(out::remove);
    return out;
  }

  @Override
  public Map<String, Definition> inputs() {
    Map<String, Definition> out = new HashMap<>();
    vector
        .inputs()
        .forEach((name, bytes) -> {
          try {
            out.put(name, Definition.readFrom(new ByteArrayInputStream(bytes)));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    return out;
  }

  @Override
  public Result solve(Request request) {
    FakeReference reference = new FakeReference(sourceOf(request));
    solves.add(new Solve(request, reference));
    return Result.of(reference);
  }

  /** The source that a definition ends in, if it is nothing but a source. */
  private static String sourceOf(Request request) {
    Optional<Definition> definition = request.definition();
    return definition
        .filter(each -> each.ops().size() == 2 && each.sources().size() == 1)
        .map(each -> each.sources().getFirst().identifier())
        .orElse("(result)");
  }

  private static SolveException unknown(String message) {
    return new SolveException(Category.UNKNOWN, message, SolveException.Where.UNKNOWN, null);
  }

  @Override
  public ImageMetaResolver.Resolved resolveImageConfig(ImageRequest request) {
    SortedMap<String, Object> asked = new TreeMap<>();
    asked.put("ref", request.reference());
    request.platform().ifPresent(platform -> asked.put("platform", platform.format()));
    asked.put("resolveMode", request.mode().text());
    asked.put("logName", request.logName());
    request.layout().ifPresent(layout -> asked.put("ociStore", layout.store()));
    boolean[] ok = new boolean[1];
    try {
      ImageMetaResolver.Resolved found = find(request);
      ok[0] = true;
      return found;
    } finally {
      asked.put("ok", ok[0]);
      imageRequests.add(asked);
    }
  }

  private ImageMetaResolver.Resolved find(ImageRequest request) {
    String reference = request.reference();
    String failed = "failed to resolve source metadata for " + reference + ": ";
    if (!images.containsKey(reference)) {
      throw unknown(failed + reference + ": not found");
    }
    Map<String, Object> image = Json.object(images, reference);
    Map<String, Object> platforms = Json.object(image, "platforms");
    String platform = request.platform().orElseGet(Platform::host).normalized().format();
    String key = platforms.containsKey(platform) ? platform : "default";
    if (!platforms.containsKey(key)) {
      throw unknown(failed + "no match for platform in manifest: not found");
    }
    String other = Json.text(image, "ref");
    return new ImageMetaResolver.Resolved(
        other.isEmpty() ? reference : other,
        Json.text(image, "digest"),
        Json.bytes(Json.object(platforms, key)));
  }

  @Override
  public SourceMeta resolveSourceMeta(SourceMetaRequest request) {
    String identifier = request.identifier();
    for (String scheme : List.of(IMAGE, LAYOUT)) {
      if (identifier.startsWith(scheme)) {
        Optional<ImageRequest.Layout> layout =
            scheme.equals(LAYOUT)
                ? Optional.of(
                    new ImageRequest.Layout(
                        request.attributes().getOrDefault("oci.session", ""),
                        request.attributes().getOrDefault("oci.store", "")))
                : Optional.<ImageRequest.Layout>empty();
        ImageMetaResolver.Resolved found =
            resolveImageConfig(
                new ImageRequest(
                    identifier.substring(scheme.length()),
                    request.platform(),
                    request.mode(),
                    request.logName(),
                    layout));
        return new SourceMeta(
            scheme + found.reference(),
            Map.of(),
            Optional.of(new SourceMeta.Image(found.digest(), found.config(), Optional.empty())),
            Optional.empty(),
            Optional.empty());
      }
    }
    sourceRequests.add(identifier + " (" + request.logName() + ")");
    return meta(identifier, request);
  }

  private SourceMeta meta(String identifier, SourceMetaRequest request) {
    Map<String, Object> known = Json.object(Json.object(vector.input(), "sourceMeta"), identifier);
    String modified = Json.text(known, "lastModified");
    String commit = Json.text(known, "commitObject");
    byte[] object = request.gitObject() ? commit.getBytes(StandardCharsets.UTF_8) : new byte[0];
    return new SourceMeta(
        identifier,
        request.attributes(),
        Optional.empty(),
        identifier.startsWith("git://")
            ? Optional.of(new SourceMeta.Git("", "", "", object, new byte[0]))
            : Optional.<SourceMeta.Git>empty(),
        identifier.startsWith("http")
            ? Optional.of(
                new SourceMeta.Http(
                    "",
                    "",
                    modified.isEmpty()
                        ? Optional.<Instant>empty()
                        : Optional.of(Instant.parse(modified)),
                    Optional.empty()))
            : Optional.<SourceMeta.Http>empty());
  }

  @Override
  public void warn(String vertex, Warning warning) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("vertex", vertex);
    out.put("short", new String(warning.message(), StandardCharsets.UTF_8));
    out.put("level", (long) warning.level());
    out.put(
        "detail",
        warning.detail().stream().map(each -> new String(each, StandardCharsets.UTF_8)).toList());
    if (!warning.url().isEmpty()) {
      out.put("url", warning.url());
    }
    out.put("ranges", Observed.ranges(warning.spans()));
    warning.source().ifPresent(source -> out.put("filename", source.filename()));
    warnings.add(out);
  }

  /** The files of a source. */
  final class FakeReference implements Reference {
    final String source;

    private FakeReference(String source) {
      this.source = source;
    }

    @Override
    public String id() {
      return source;
    }

    @Override
    public Optional<Definition> definition() {
      return Optional.empty();
    }

    @Override
    public byte[] readFile(String path) {
      return read(path, "");
    }

    @Override
    public byte[] readFile(String path, long offset, long length) {
      byte[] all = read(path, " [" + offset + ":" + length + "]");
      return Arrays.copyOfRange(
          all, (int) Math.min(offset, all.length), (int) Math.min(offset + length, all.length));
    }

    private byte[] read(String path, String range) {
      String name = source.startsWith("local://") ? source.substring("local://".length()) : source;
      Optional<byte[]> content = vector.file(name, path);
      reads.add(source + " " + path + range + (content.isPresent() ? "" : " missing"));
      return content.orElseThrow(() -> unknown("open " + path + ": no such file or directory"));
    }

    @Override
    public List<FileStat> readDir(String path, String includePattern) {
      throw new UnsupportedOperationException(path);
    }

    @Override
    public FileStat statFile(String path) {
      long size = vector.file(source, path).map(content -> content.length).orElse(0);
      return FileStat.file(path, 0644, size, 0);
    }

    @Override
    public void evaluate() {}
  }
}
