package dev.buildd.examples;

import dev.buildd.llb.ExecState;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.util.List;
import java.util.Map;

/**
 * A build that needs neither network nor registry: the client's directory {@code rootfs} holds
 * {@code bin/busybox}, statically linked. It makes a root filesystem of it, runs some steps side by
 * side and leaves a directory {@code result}.
 */
public final class BusyboxLocal {
  private static final String APPLETS =
      "sh ls cat echo mkdir cp uname id seq wc sort sha256sum date env grep";

  private BusyboxLocal() {}

  public static void main(String[] args) throws Exception {
    Example.run(args, Map.of("greeting", "hello from buildd"), BusyboxLocal::build);
  }

  static State build(Example flags) {
    State rootfs = rootfs();
    State greeting =
        output(
            rootfs,
            "greet",
            "echo \"$GREETING\" > /out/greeting; uname -m > /out/machine",
            flags.get("greeting"));
    State numbers = output(rootfs, "count", "seq 1 100 > /out/numbers; wc -l < /out/numbers", "");
    State merged = Llb.merge(List.of(greeting, numbers));
    ExecState summary =
        rootfs.run(
            Llb.shell(
                "cd /in && for f in *; do sha256sum $f; done | sort > /out/sums; cat /out/sums"),
            Llb.addMount("/in", merged, Llb.readonly()),
            Llb.customName("sum up"));
    State sums = summary.addMount("/out", Llb.scratch());
    return Llb.scratch()
        .file(
            Llb.mkdir("/result", 0755)
                .copy(merged, "/", "/result/", contents())
                .copy(sums, "/sums", "/result/"),
            Llb.customName("collect"));
  }

  /**
   * A root filesystem of the client's directory {@code rootfs}, with some of busybox's programs.
   */
  static State rootfs() {
    return Llb.scratch()
        .file(
            Llb.copy(Llb.local("rootfs"), "/", "/").mkdir("/tmp", 0777),
            Llb.customName("copy busybox"))
        .run(
            Llb.args(
                "/bin/busybox",
                "sh",
                "-c",
                "for a in "
                    + APPLETS
                    + "; do [ -e /bin/$a ] || busybox ln -s busybox /bin/$a; done"),
            Llb.addEnv("PATH", "/bin"),
            Llb.customName("install applets"))
        .root()
        .addEnv("PATH", "/bin");
  }

  private static FileAction.CopyOptions contents() {
    return FileAction.CopyOptions.DEFAULT.contentsOnly();
  }

  /** What a script leaves in {@code /out}. */
  private static State output(State rootfs, String name, String script, String greeting) {
    return rootfs
        .run(Llb.shell(script), Llb.addEnv("GREETING", greeting), Llb.customName(name))
        .addMount("/out", Llb.scratch());
  }
}
