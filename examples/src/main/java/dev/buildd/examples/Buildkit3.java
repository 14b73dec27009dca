package dev.buildd.examples;

import dev.buildd.llb.ExecState;
import dev.buildd.llb.GitOption;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.llb.StateOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Builds BuildKit from sources that stay unchanged, into a filesystem of its own. With {@code
 * local} for a version, the client's directory {@code runc-src}, {@code containerd-src} or {@code
 * buildkit-src} is the source.
 */
public final class Buildkit3 {
  private static final String COPIER =
      "docker.io/library/alpine:latest"
          + "@sha256:1072e499f3f655a032e88542330cf75b02e7bdf673278f701d7ba61629ee3ebe";

  private Buildkit3() {}

  public static void main(String[] args) throws Exception {
    Example.run(args, flags(), Buildkit3::build);
  }

  static Map<String, String> flags() {
    Map<String, String> flags = new LinkedHashMap<>(GoBuilds.FLAGS);
    flags.put("buildkit", "master");
    return flags;
  }

  static State build(Example flags) {
    State result =
        Llb.scratch()
            .with(
                all(buildkit(flags, "go build -o /out/buildctl ./cmd/buildctl")),
                all(
                    compile(
                        GoBuilds.base(),
                        "github.com/opencontainers/runc",
                        source("github.com/opencontainers/runc", "runc-src", flags.get("runc")),
                        "go build -o /out/runc ./")));
    String kind = GoBuilds.isContainerd(flags) ? "containerd" : "standalone";
    if (GoBuilds.isContainerd(flags)) {
      String repository = "github.com/containerd/containerd";
      result =
          result.with(
              all(
                  compile(
                      GoBuilds.base().run(Llb.shlex("apk add --no-cache btrfs-progs-dev")).root(),
                      repository,
                      source(
                          repository, "containerd-src", flags.get("containerd"), Llb.keepGitDir()),
                      "go build -o /out/containerd ./cmd/containerd")));
    }
    return result.with(
        all(
            buildkit(
                flags, "go build -o /out/buildd-" + kind + " -tags " + kind + " ./cmd/buildd")));
  }

  private static State buildkit(Example flags, String command) {
    String repository = "github.com/moby/buildkit";
    return compile(
        GoBuilds.base(),
        repository,
        source(repository, "buildkit-src", flags.get("buildkit")),
        command);
  }

  private static State source(
      String repository, String directory, String version, GitOption... options) {
    return version.equals("local") ? Llb.local(directory) : Llb.git(repository, version, options);
  }

  private static State compile(State base, String repository, State source, String command) {
    String directory = "/go/src/" + repository;
    ExecState run = base.dir(directory).run(Llb.shlex(command));
    run.addMount(directory, source, Llb.readonly());
    return run.addMount("/out", Llb.scratch());
  }

  private static StateOption all(State source) {
    return destination -> {
      ExecState copy = Llb.image(COPIER).run(Llb.shlex("cp -a /src/. /dest/"));
      copy.addMount("/src", source, Llb.readonly());
      return copy.addMount("/dest", destination);
    };
  }
}
