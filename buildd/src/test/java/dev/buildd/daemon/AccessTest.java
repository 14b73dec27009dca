package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.session.filesync.FileSendTarget;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.secrets.SecretsProvider;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What other users of the machine reach of the daemon, and what builds reach of the machine. */
@Tag("root")
@Timeout(60)
final class AccessTest {
  private static final int NOBODY = 65534;

  @TempDir static Path directory;
  private static Machine machine;

  @BeforeAll
  static void start() throws Exception {
    Linux.chmod(directory, 0755);
    Machine.busybox(directory);
    Path loose = Files.createDirectories(directory.resolve("root/history"));
    Linux.chmod(directory.resolve("root"), 0777);
    Linux.lchown(directory.resolve("root"), NOBODY, NOBODY);
    Linux.chmod(loose, 0755);
    Files.createFile(directory.resolve("root/buildkitd.lock")); // it has been in use
    Files.writeString(directory.resolve("root/left"), "");
    machine = new Machine(directory);
  }

  @AfterAll
  static void stop() {
    machine.close();
  }

  @Test
  void anOpenRootIsMended() throws Exception {
    for (String name : List.of("", "history", "snapshots", "executor", "scratch", "content")) {
      Stat stat = Linux.lstat(machine.root().resolve(name));
      assertThat(stat.permissions()).as(name).isEqualTo(0700);
      assertThat(stat.uid()).as(name).isZero();
    }
    assertThat(Linux.lstat(machine.root().resolve("left")).permissions()).isEqualTo(0600);
  }

  private static String asNobody(String script) throws Exception {
    Process process =
        new ProcessBuilder(
                "setpriv",
                "--reuid=" + NOBODY,
                "--regid=" + NOBODY,
                "--clear-groups",
                "/bin/sh",
                "-c",
                script)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return out;
  }

  private static State busy() {
    return Machine.base()
        .addEnv("TOKEN", "environment-secret")
        .run(
            Llb.args(
                "/bin/sh",
                "-c",
                "cp /bin/busybox /out/shell; chmod 4755 /out/shell; echo logged; sleep 1000"),
            Llb.addSecret("/run/s", Llb.secretId("s"), Llb.secretFile(0, 0, 0444)),
            Llb.addMount("/out", Llb.scratch()))
        .root();
  }

  /** The daemon's root while a step runs that has a secret, an environment and a setuid file. */
  @Test
  void otherUsersReachNothingOfABusyRoot() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    Thread build =
        Threads.start(
            "build",
            () -> {
              try (BuildClient client = machine.client()) {
                client.solve(
                    Optional.of(busy().marshal()),
                    machine
                        .options()
                        .withAttachables(
                            new SecretsProvider(
                                id -> Optional.of("secret".getBytes(StandardCharsets.UTF_8)))),
                    status -> {
                      if (!status.logs().isEmpty()) {
                        running.countDown();
                      }
                    });
              } catch (Exception e) {
                // ends with the test
              }
            });
    assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
    Path list = directory.resolve("list");
    try (var all = Files.walk(machine.root())) {
      Files.write(list, all.skip(1).map(Path::toString).toList());
    }
    assertThat(Files.readString(list)).contains("/out/shell".substring(4), "/config.json");
    assertThat(asNobody("while read -r p; do ls -d \"$p\"; cat \"$p\"; done < " + list)).isEmpty();
    assertThat(asNobody("ls " + machine.root())).isEmpty();
    for (String socket : List.of("buildd.sock", "debug.sock")) {
      Stat stat = Linux.lstat(directory.resolve(socket));
      assertThat(stat.permissions() & 07).as(socket).isZero();
      assertThat(stat.uid()).as(socket).isZero();
    }
    build.interrupt();
    build.join();
  }

  @Test
  void stepsOfOtherUsersRunAsBefore(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      State state =
          Machine.base()
              .user("65534:65534")
              .run(
                  Llb.args(
                      "/bin/sh", "-c", "cat /etc/hosts /etc/resolv.conf /run/s > /out/all; id"),
                  Llb.addSecret("/run/s", Llb.secretId("s"), Llb.secretFile(0, 0, 0444)),
                  Llb.addMount(
                      "/out", Llb.scratch().file(Llb.mkdir("/d", 0777)), Llb.sourcePath("/d")))
              .root();
      client.solve(
          Optional.of(state.marshal()),
          machine
              .options()
              .withAttachables(
                  new SecretsProvider(
                      id -> Optional.of("secret".getBytes(StandardCharsets.UTF_8)))),
          status -> {});
    }
  }

  @Test
  void resultsWithNodesAreLookedAtAndExported(@TempDir Path out) throws Exception {
    State state =
        Machine.base()
            .run(
                Llb.args(
                    "/bin/sh",
                    "-c",
                    "cd /out; busybox mknod disk b 7 7; busybox mknod zero c 1 5;"
                        + " busybox mkfifo fifo; busybox ln -s zero link; echo x > file"))
            .addMount("/out", Llb.scratch());
    Map<String, String> failures = new TreeMap<>();
    Frontend frontend =
        gateway -> {
          Reference ref =
              gateway.solve(GatewayClient.Request.of(state.marshal())).single().orElseThrow();
          for (FileStat stat : ref.readDir("/", "")) {
            ref.statFile(stat.path());
            for (boolean directory : new boolean[] {true, false}) {
              try {
                if (directory) {
                  ref.readDir(stat.path(), "");
                } else {
                  ref.readFile(stat.path());
                }
              } catch (RuntimeException e) {
                failures.merge(stat.path(), String.valueOf(e.getMessage()), (a, b) -> a + "; " + b);
              }
            }
          }
          return Result.of(ref);
        };
    try (BuildClient client = machine.client()) {
      client.build(
          frontend,
          machine
              .options()
              .withExports(
                  SolveOptions.Export.local(out),
                  new SolveOptions.Export(
                      "tar",
                      Map.of(),
                      Optional.of(
                          new FileSendTarget.Target.Stream(m ->
                              Optional.of(Files.newOutputStream(directory.resolve("out.tar"))))))),
          status -> {});
    }
    assertThat(failures.keySet()).containsExactly("disk", "fifo", "file", "link", "zero");
    for (String name : List.of("disk", "fifo", "link", "zero")) {
      assertThat(failures.get(name))
          .contains("not a directory", "open " + name + ": not a regular file");
    }
    assertThat(failures.get("file")).contains("not a directory").doesNotContain("regular");
    assertThat(Linux.lstat(out.resolve("disk")).type()).isEqualTo(Stat.S_IFBLK);
    assertThat(Linux.lstat(out.resolve("fifo")).type()).isEqualTo(Stat.S_IFIFO);
    assertThat(Programs.run(directory, "tar", "-tvf", "out.tar"))
        .contains("brw", "crw", "prw", "link -> zero");
  }
}
