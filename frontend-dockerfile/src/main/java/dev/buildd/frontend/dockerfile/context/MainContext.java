package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.base.text.GoBool;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.llb.Definition;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.GitOption;
import dev.buildd.llb.Llb;
import dev.buildd.llb.LocalOption;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.SourceMap;
import dev.buildd.llb.State;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The files that a Dockerfile copies, and the Dockerfile (sections 5.2 and 5.5). */
public final class MainContext {
  private static final String LOCAL = "context";
  private static final String DOCKERFILE = "Dockerfile";
  private static final String DOWNLOADED = "context";
  private static final int HEADER = 1024;
  private static final Pattern WEB = Pattern.compile("^https?://.*", Pattern.DOTALL);

  private final FrontendOptions options;
  private final GatewayClient client;
  private final boolean ownDockerfile;
  private final String dockerfileLocal;
  private String filename;
  private Optional<State> remote = Optional.empty();
  private Optional<State> dockerfile = Optional.empty();
  private byte @Nullable [] ignore;
  private String ignoreName = IgnoreFile.NAME;

  private MainContext(FrontendOptions options, GatewayClient client) {
    this.options = options;
    this.client = client;
    this.ownDockerfile = options.get("dockerfilekey").isPresent();
    this.dockerfileLocal = options.get("dockerfilekey").orElse("dockerfile");
    this.filename = options.get("filename").orElse(DOCKERFILE);
  }

  /** Finds out which it is. A remote file is looked at to see whether it is an archive. */
  public static MainContext open(FrontendOptions options, GatewayClient client)
      throws InterruptedException {
    MainContext context = new MainContext(options, client);
    context.find();
    return context;
  }

  private void find() throws InterruptedException {
    String url = options.get(options.get("contextkey").orElse(LOCAL)).orElse("");
    Optional<GitReference> git = GitReference.parse(url);
    if (git.isPresent()) {
      remote = Optional.of(git(url, git.get()));
      dockerfile = remote;
    } else if (WEB.matcher(url).matches()) {
      download(url);
    } else if (client.frontendCaps().contains("frontend.inputs")) {
      Map<String, Definition> inputs = client.inputs();
      if (!ownDockerfile) {
        dockerfile = Optional.ofNullable(inputs.get(dockerfileLocal)).map(MainContext::files);
      }
      remote = Optional.ofNullable(inputs.get(LOCAL)).map(Llb::definition);
    }
    remote =
        remote.map(whole ->
            options.get("contextsubdir").map(directory -> scoped(whole, directory)).orElse(whole));
  }

  /** Nothing has no Dockerfile in it; clients send it where they have no definition. */
  private static State files(Definition input) {
    if (input.isEmpty()) {
      throw new DockerfileException("invalid nil input definition to definition op");
    }
    return Llb.definition(input);
  }

  private static State scoped(State whole, String directory) {
    return Llb.scratch()
        .file(Llb.copy(whole, directory, "/", FileAction.CopyOptions.DEFAULT.contentsOnly()));
  }

  private State git(String url, GitReference reference) {
    List<GitOption> more = new ArrayList<>();
    if (!options.buildArg("SOURCE_DATE_EPOCH").orElse("").isEmpty()) {
      more.add(Llb.gitMtime("commit"));
    }
    if (GoBool.isTrue(options.buildArg("BUILDKIT_CONTEXT_KEEP_GIT_DIR").orElse(""))) {
      more.add(Llb.keepGitDir());
    }
    return git(url, reference, more);
  }

  /** A repository as a context. */
  static State git(String url, GitReference reference, List<GitOption> more) {
    List<GitOption> all = new ArrayList<>(more);
    all.addAll(reference.toOptions());
    if (reference.keepGitDirectory().orElse(false)) {
      all.add(Llb.keepGitDir());
    }
    if (!reference.mtime().isEmpty()) {
      all.add(Llb.gitMtime(reference.mtime()));
    }
    all.add(Llb.customName("[internal] load git source " + url));
    return Llb.git(reference.remote(), "", all.toArray(GitOption[]::new));
  }

  private void download(String url) throws InterruptedException {
    State file =
        Llb.http(
            url, Llb.filename(DOWNLOADED), Llb.customName("[internal] load remote build context"));
    Reference downloaded;
    try {
      downloaded = Sources.solve(client, definition(file), false);
    } catch (BuildException e) {
      throw told("failed to resolve httpcontext", e);
    }
    byte[] header;
    try {
      header = downloaded.readFile(DOWNLOADED, 0, HEADER);
    } catch (BuildException e) {
      throw told("failed to read downloaded context", e);
    }
    if (Archives.isArchive(header)) {
      remote =
          Optional.of(
              Llb.scratch()
                  .file(
                      Llb.copy(
                          file,
                          "/" + DOWNLOADED,
                          "/",
                          FileAction.CopyOptions.DEFAULT.unpacking())));
    } else {
      filename = DOWNLOADED;
      remote = Optional.of(file);
    }
    dockerfile = remote;
  }

  private Definition definition(State state) {
    return state.marshal(MarshalOptions.forDaemon(client.llbCaps()));
  }

  private static BuildException told(String doing, BuildException e) {
    return new BuildException(
        e.category() == Category.CANCELED ? e.category() : Category.UNKNOWN,
        doing + ": " + e.getMessage(),
        e);
  }

  /** Reads the Dockerfile, and the patterns that stand beside it. */
  public DockerfileSource readDockerfile() throws InterruptedException {
    State source = ownDockerfile ? localDockerfile() : dockerfile.orElseGet(this::localDockerfile);
    Definition definition = definition(source);
    Reference files;
    try {
      files = Sources.solve(client, definition, false);
    } catch (BuildException e) {
      throw told("failed to resolve dockerfile", e);
    }
    byte[] text = readDockerfile(files);
    String beside = filename + IgnoreFile.NAME;
    Optional<byte[]> patterns = Sources.read(files, beside);
    if (patterns.isPresent()) {
      synchronized (this) {
        ignore = patterns.get();
        ignoreName = beside;
      }
    }
    return new DockerfileSource(
        new SourceMap(Optional.of(source), filename, DOCKERFILE, text), definition);
  }

  private byte[] readDockerfile(Reference files) throws InterruptedException {
    try {
      return files.readFile(filename);
    } catch (BuildException e) {
      Optional<byte[]> other =
          otherSpelling().isPresent()
              ? Sources.read(files, otherSpelling().get())
              : Optional.<byte[]>empty();
      if (other.isPresent()) {
        return other.get();
      }
      throw told("failed to read dockerfile", e);
    }
  }

  /** A file named as nobody should: in lower case. */
  private Optional<String> otherSpelling() {
    return GoPath.base(filename).equals(DOCKERFILE)
        ? Optional.of(GoPath.join(GoPath.dir(filename), DOCKERFILE.toLowerCase(Locale.ROOT)))
        : Optional.empty();
  }

  private State localDockerfile() {
    List<String> wanted = new ArrayList<>(List.of(filename, filename + IgnoreFile.NAME));
    otherSpelling().ifPresent(wanted::add);
    return Llb.local(
        dockerfileLocal,
        Llb.sessionId(options.sessionOf(dockerfileLocal, client.sessionId())),
        Llb.followPaths(wanted),
        Llb.sharedKeyHint(dockerfileLocal),
        Llb.differ("none", false),
        Llb.customName("[internal] load build definition from " + filename));
  }

  /** Whether the files are a client's directory. */
  public boolean isLocal() {
    return remote.isEmpty();
  }

  /**
   * What is no part of a local context; nothing if the context is another.
   *
   * @throws DockerfileException if the file of patterns cannot be read
   */
  public synchronized List<String> ignorePatterns() throws InterruptedException {
    if (!isLocal()) {
      return List.of();
    }
    byte[] known = ignore;
    if (known == null) {
      State file = Sources.ignoreFile(LOCAL, session(), LOCAL, "[internal]");
      Reference files = Sources.solve(client, definition(file), false);
      known = Sources.read(files, IgnoreFile.NAME).orElseGet(() -> new byte[0]);
      ignore = known;
    }
    return IgnoreFile.patterns(known, ignoreName);
  }

  private String session() {
    return options.sessionOf(LOCAL, client.sessionId());
  }

  /**
   * The files.
   *
   * @param paths those that are used of a local context; none for all
   */
  public State files(List<String> paths) throws InterruptedException {
    if (remote.isPresent()) {
      return remote.get();
    }
    List<LocalOption> local =
        new ArrayList<>(
            List.of(
                Llb.sessionId(session()),
                Llb.excludePatterns(ignorePatterns()),
                Llb.sharedKeyHint(LOCAL),
                Llb.customName("[internal] load build context")));
    local.add(Llb.followPaths(paths));
    return Llb.local(LOCAL, local.toArray(LocalOption[]::new));
  }
}
