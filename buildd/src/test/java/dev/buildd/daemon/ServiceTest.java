package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.linux.Linux;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The daemon as systemd runs it, whose side a script plays. */
@Tag("root")
@Timeout(60)
final class ServiceTest {
  private static final int HUP = 1;
  private static final int TERM = 15;

  @TempDir Path directory;

  /** A daemon that a service manager has started. */
  private final class Service implements AutoCloseable {
    private final Process manager;
    private final BufferedReader out;
    final int port = Programs.freePort();
    final int pid;

    Service(String notify, String... flags) throws Exception {
      Path script = directory.resolve("service-manager.pl");
      try (var in = ServiceTest.class.getResourceAsStream("/service-manager.pl")) {
        Files.copy(in, script);
      }
      List<String> command =
          new ArrayList<>(
              List.of(
                  "perl",
                  script.toString(),
                  socket().toString(),
                  Integer.toString(port),
                  notify,
                  "1000000"));
      command.addAll(Machine.program(List.of()));
      command.addAll(List.of("--root", directory.resolve("root").toString()));
      command.addAll(Arrays.asList(flags));
      manager =
          new ProcessBuilder(command).redirectError(directory.resolve("log").toFile()).start();
      out =
          new BufferedReader(
              new InputStreamReader(manager.getInputStream(), StandardCharsets.UTF_8));
      pid = Integer.parseInt(await("pid ").substring("pid ".length()));
    }

    /** The next thing that it is told and that begins like this. */
    String await(String start) throws Exception {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        if (line.startsWith(start)) {
          return line;
        }
      }
      throw new AssertionError(start + " did not come:\n" + log());
    }

    BuildClient client(String address) throws Exception {
      return BuildClient.connect(
          new ConnectOptions(address, Optional.empty(), Duration.ofSeconds(10)));
    }

    @Override
    public void close() {
      ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
      manager.destroyForcibly().onExit().join();
    }
  }

  private Path socket() {
    return directory.resolve("passed.sock");
  }

  private String log() throws Exception {
    return Files.readString(directory.resolve("log"));
  }

  private static State step() {
    return Machine.base()
        .run(
            Llb.args(
                "/bin/sh",
                "-c",
                "busybox env > /out/env; ls /proc/self/fd > /out/fds; ls /run > /out/run; true"))
        .addMount("/out", Llb.scratch());
  }

  @ParameterizedTest
  @ValueSource(strings = {"path", "abstract"})
  void itTakesSocketsTellsHowItIsAndLeavesThem(String kind) throws Exception {
    Machine.busybox(directory);
    String notify =
        kind.equals("path") ? directory.resolve("notify").toString() : "@buildd-test" + directory;
    Path config = Files.writeString(directory.resolve("c.toml"), "");
    try (Service service = new Service(notify, "--addr", "fd://", "--config", config.toString())) {
      assertThat(service.await("told READY=1")).isEqualTo("told READY=1 STATUS=serving fd://");
      for (int i = 0; i < 3; i++) {
        service.await("told WATCHDOG=1");
      }
      Path out = directory.resolve("out");
      try (BuildClient client = service.client("unix://" + socket())) {
        client.solve(
            Optional.of(step().marshal()),
            SolveOptions.defaults()
                .withLocalDir("rootfs", directory.resolve("rootfs"))
                .withExports(SolveOptions.Export.local(out)),
            status -> {});
      }
      assertThat(Files.readString(out.resolve("env"))).doesNotContain("NOTIFY", "LISTEN", "WATCH");
      assertThat(Files.readString(out.resolve("fds")).lines().count()).isLessThanOrEqualTo(4);
      assertThat(Files.readString(out.resolve("run"))).doesNotContain("notify");
      try (BuildClient client = service.client("tcp://127.0.0.1:" + service.port)) {
        assertThat(client.workers(List.of())).hasSize(1);
      }
      assertThat(log()).contains("TLS is not enabled for fd:// (descriptor 4)");
      Linux.kill(service.pid, HUP);
      String reloading = service.await("told RELOADING=1");
      long micros = Long.parseLong(reloading.replaceAll(".*MONOTONIC_USEC=", ""));
      String uptime = Files.readString(Path.of("/proc/uptime"));
      assertThat(micros / 1e6)
          .isCloseTo(Double.parseDouble(uptime.split(" ")[0]), Offset.offset(20.0));
      service.await("told READY=1");
      Linux.kill(service.pid, TERM);
      assertThat(service.await("told STOPPING=1")).isEqualTo("told STOPPING=1 STATUS=stopping");
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (!Files.readString(Path.of("/proc/" + service.pid + "/stat")).contains(") Z ")) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.sleep(50);
      }
      assertThat(socket()).as("the giver's").exists();
    }
  }

  @Test
  void aSocketIsAskedForByNameOrNumber() throws Exception {
    String notify = directory.resolve("notify").toString();
    try (Service service =
        new Service(notify, "--addr", "fd://net", "--addr", "unix://" + directory + "/own.sock")) {
      service.await("told READY=1");
      try (BuildClient client = service.client("tcp://127.0.0.1:" + service.port);
          BuildClient own = service.client("unix://" + directory + "/own.sock")) {
        assertThat(client.workers(List.of())).hasSize(1);
        assertThat(own.workers(List.of())).hasSize(1);
      }
    }
  }

  @Test
  void socketsThatAreNotThereAreNamed() {
    Map<String, String> given =
        Map.of("LISTEN_PID", "7", "LISTEN_FDS", "2", "LISTEN_FDNAMES", "a:");
    assertThatThrownBy(() -> PassedSockets.of(given, 8).find(""))
        .hasMessageContaining("no sockets found via socket activation");
    assertThatThrownBy(() -> PassedSockets.of(Map.of(), 7).find(""))
        .hasMessageContaining("no sockets found via socket activation");
    assertThatThrownBy(() -> PassedSockets.of(given, 7).find("b"))
        .hasMessageContaining("no socket was passed for fd://b")
        .hasMessageContaining("descriptor=3, name=a")
        .hasMessageContaining("descriptor=4, name=unknown");
    Map<String, String> many = Map.of("LISTEN_PID", "7", "LISTEN_FDS", "9000");
    assertThatThrownBy(() -> PassedSockets.of(many, 7).find("9002"))
        .hasMessageContaining("passed descriptor 9002 is no socket");
  }

  @Test
  void aDaemonThatDoesNotAnswerItselfIsNotKeptAlive() throws Exception {
    String notify = directory.resolve("notify").toString();
    try (Service service = new Service(notify, "--addr", "fd://3")) {
      service.await("told WATCHDOG=1");
      Linux.kill(service.pid, 19); // SIGSTOP: as one that hangs
      Thread.sleep(1500);
      while (service.out.ready()) {
        service.out.readLine();
      }
      Thread.sleep(1500);
      assertThat(service.out.ready()).as("something was told").isFalse();
      Linux.kill(service.pid, 18);
      service.await("told WATCHDOG=1");
    }
  }
}
