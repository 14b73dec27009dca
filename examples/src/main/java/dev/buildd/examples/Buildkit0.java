package dev.buildd.examples;

import dev.buildd.llb.Llb;
import dev.buildd.llb.State;

/** Builds BuildKit with nothing but commands: clones, checkouts, compilers. */
public final class Buildkit0 {
  private static final String SRC = "/go/src/github.com/";

  private Buildkit0() {}

  public static void main(String[] args) throws Exception {
    Example.run(args, GoBuilds.FLAGS, Buildkit0::build);
  }

  static State build(Example flags) {
    State source = clone(base(), "moby/buildkit");
    State buildctl = source.run(Llb.shlex("go build -o /bin/buildctl ./cmd/buildctl"));
    State runc =
        clone(base(), "opencontainers/runc")
            .run(Llb.shlex("git checkout -q " + flags.get("runc")))
            .run(Llb.shlex("go build -o /usr/bin/runc ./"));
    State image =
        Llb.image(GoBuilds.ALPINE)
            .with(
                GoBuilds.copyFrom(buildctl, "/bin/buildctl", "/bin/"),
                GoBuilds.copyFrom(runc, "/usr/bin/runc", "/bin/"));
    String kind = GoBuilds.isContainerd(flags) ? "containerd" : "standalone";
    if (GoBuilds.isContainerd(flags)) {
      image =
          image.with(
              GoBuilds.copyFrom(
                  containerd(flags), SRC + "containerd/containerd/bin/containerd", "/bin/"));
    }
    State daemon =
        source.run(
            Llb.shlex("go build -o /bin/buildd-" + kind + " -tags " + kind + " ./cmd/buildd"));
    return image
        .with(GoBuilds.copyFrom(daemon, "/bin/buildd-" + kind, "/bin/"))
        .run(Llb.shlex("ls -l /bin"));
  }

  private static State containerd(Example flags) {
    return clone(
            base().run(Llb.shlex("apk add --no-cache btrfs-progs-dev")), "containerd/containerd")
        .run(Llb.shlex("git checkout -q " + flags.get("containerd")))
        .run(Llb.shlex("make bin/containerd"));
  }

  static State base() {
    return GoBuilds.toolchain()
        .run(Llb.shlex("apk add --no-cache g++ linux-headers"))
        .run(Llb.shlex("apk add --no-cache git make"))
        .root();
  }

  private static State clone(State base, String repository) {
    String directory = SRC + repository;
    return base.run(Llb.shlex("git clone https://github.com/" + repository + ".git " + directory))
        .root()
        .dir(directory);
  }
}
