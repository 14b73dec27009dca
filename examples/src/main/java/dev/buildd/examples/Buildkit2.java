package dev.buildd.examples;

import dev.buildd.llb.ExecState;
import dev.buildd.llb.GitOption;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.llb.StateOption;

/** Builds BuildKit from git sources that are mounted where Go looks for them. */
public final class Buildkit2 {
  private Buildkit2() {}

  public static void main(String[] args) throws Exception {
    Example.run(args, GoBuilds.FLAGS, Buildkit2::build);
  }

  static State build(Example flags) {
    State image =
        Llb.image(GoBuilds.ALPINE)
            .with(
                all(buildkit("go build -o ./bin/buildctl ./cmd/buildctl")),
                all(
                    compile(
                        GoBuilds.base(),
                        "github.com/opencontainers/runc",
                        flags.get("runc"),
                        "go build -o ./bin/runc ./")));
    String kind = GoBuilds.isContainerd(flags) ? "containerd" : "standalone";
    if (GoBuilds.isContainerd(flags)) {
      image =
          image.with(
              all(
                  compile(
                      GoBuilds.base().run(Llb.shlex("apk add --no-cache btrfs-progs-dev")).root(),
                      "github.com/containerd/containerd",
                      flags.get("containerd"),
                      "make bin/containerd",
                      Llb.keepGitDir())));
    }
    return image
        .with(
            all(buildkit("go build -o ./bin/buildd-" + kind + " -tags " + kind + " ./cmd/buildd")))
        .run(Llb.shlex("ls -l /bin"));
  }

  private static State buildkit(String command) {
    return compile(GoBuilds.base(), "github.com/moby/buildkit", "master", command);
  }

  /** What a command leaves in the directory {@code bin} of a repository. */
  private static State compile(
      State base, String repository, String ref, String command, GitOption... options) {
    String directory = "/go/src/" + repository;
    ExecState run = base.dir(directory).run(Llb.shlex(command));
    run.addMount(directory, Llb.git(repository, ref, options));
    return run.addMount(directory + "/bin", Llb.scratch());
  }

  private static StateOption all(State source) {
    return GoBuilds.copyFrom(source, "/.", "/bin");
  }
}
