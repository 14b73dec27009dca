package dev.buildd.examples;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.llb.StateOption;
import java.util.Map;

/** What the examples that build BuildKit itself share. */
final class GoBuilds {
  static final String ALPINE = "docker.io/library/alpine:latest";
  static final String CONTAINERD = "4af5f657526a8aa5eedef734f5f29152031b1d3a";
  static final String RUNC = "74a17296470088de3805e138d3d87c62e613dfc4";
  static final Map<String, String> FLAGS =
      Map.of("target", "containerd", "containerd", CONTAINERD, "runc", RUNC);

  private GoBuilds() {}

  /** A Go toolchain, before any package is added. */
  static State toolchain() {
    return Llb.image("docker.io/library/golang:1.9-alpine")
        .addEnv("PATH", "/usr/local/go/bin:" + DefaultPath.UNIX)
        .addEnv("GOPATH", "/go");
  }

  /** The toolchain with what the later examples need. */
  static State base() {
    return toolchain().run(Llb.shlex("apk add --no-cache g++ linux-headers make")).root();
  }

  static boolean isContainerd(Example flags) {
    return flags.get("target").equals("containerd");
  }

  /** Copies with a command, as one had to before there were file actions. */
  static StateOption copyFrom(State source, String from, String to) {
    return destination -> {
      ExecState copy = Llb.image(ALPINE).run(Llb.shlex("cp -a /src" + from + " /dest" + to));
      copy.addMount("/src", source);
      return copy.addMount("/dest", destination);
    };
  }
}
