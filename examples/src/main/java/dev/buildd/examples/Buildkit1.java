package dev.buildd.examples;

import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.llb.StateOption;

/** As {@link Buildkit0}, but with the clones in small stages of their own. */
public final class Buildkit1 {
  private Buildkit1() {}

  public static void main(String[] args) throws Exception {
    Example.run(args, GoBuilds.FLAGS, Buildkit1::build);
  }

  static State build(Example flags) {
    State source = Buildkit0.base().with(fromGit("github.com/moby/buildkit", "master"));
    State buildctl = source.run(Llb.shlex("go build -o /bin/buildctl ./cmd/buildctl"));
    State runc =
        Buildkit0.base()
            .with(fromGit("github.com/opencontainers/runc", flags.get("runc")))
            .run(Llb.shlex("go build -o /usr/bin/runc ./"));
    State image =
        Llb.image(GoBuilds.ALPINE)
            .with(
                GoBuilds.copyFrom(buildctl, "/bin/buildctl", "/bin/"),
                GoBuilds.copyFrom(runc, "/usr/bin/runc", "/bin/"));
    String kind = GoBuilds.isContainerd(flags) ? "containerd" : "standalone";
    if (GoBuilds.isContainerd(flags)) {
      String repository = "github.com/containerd/containerd";
      State containerd =
          Buildkit0.base()
              .run(Llb.shlex("apk add --no-cache btrfs-progs-dev"))
              .with(fromGit(repository, flags.get("containerd")))
              .run(Llb.shlex("make bin/containerd"));
      image =
          image.with(
              GoBuilds.copyFrom(containerd, "/go/src/" + repository + "/bin/containerd", "/bin/"));
    }
    State daemon =
        source.run(
            Llb.shlex("go build -o /bin/buildd-" + kind + " -tags " + kind + " ./cmd/buildd"));
    return image
        .with(GoBuilds.copyFrom(daemon, "/bin/buildd-" + kind, "/bin/"))
        .run(Llb.shlex("ls -l /bin"));
  }

  /** Clones a repository in a stage of its own, and copies it to where Go looks for it. */
  private static StateOption fromGit(String repository, String tag) {
    String directory = "/go/src/" + repository;
    State source =
        Llb.image(GoBuilds.ALPINE)
            .run(Llb.shlex("apk add --no-cache git"))
            .run(Llb.shlex("git clone https://" + repository + ".git " + directory))
            .dir(directory)
            .run(Llb.shlex("git checkout -q " + tag));
    return state ->
        state.with(GoBuilds.copyFrom(source, "/go", "/")).reset(state).dir(source.dir());
  }
}
