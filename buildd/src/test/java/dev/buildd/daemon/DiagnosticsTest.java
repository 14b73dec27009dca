package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Llb;
import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a daemon tells of its insides to its log. */
@Tag("root")
@Timeout(120)
final class DiagnosticsTest {
  private static final String BROKEN = "broken.v0";

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"text", "json"})
  void aSignalLogsTheStacksOfStepsThatRun(String format) throws Exception {
    Machine.busybox(directory);
    try (Machine machine = new Machine(directory, "--log-format", format);
        BuildClient client = machine.client()) {
      Definition sleeps = Machine.base().run(Llb.args("/bin/sleep", "1000")).root().marshal();
      CountDownLatch runs = new CountDownLatch(1);
      Thread build =
          Thread.startVirtualThread(() -> {
            try {
              client.solve(
                  Optional.of(sleeps),
                  machine.options(),
                  status -> {
                    if (status.vertexes().stream()
                        .anyMatch(v -> v.name().contains("sleep") && v.started().isPresent())) {
                      runs.countDown();
                    }
                  });
            } catch (Exception e) {
              // it is cancelled
            }
          });
      assertThat(runs.await(30, TimeUnit.SECONDS)).isTrue();
      machine.signal("USR1");
      // a virtual thread, which is named after what it does, and where it is
      machine.awaitLog("run /bin/sleep 1000");
      machine.awaitLog("dev.buildd.worker.runc.");
      String line = format.equals("text") ? "msg=\"stacks of all threads\"\n" : "\"stacks\":\"";
      assertThat(machine.log()).contains(line);
      build.interrupt();
      build.join();
      assertThat(machine.stop()).isZero();
    }
  }

  private static void awaitPage(Machine machine, String page, String wanted) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!machine.debugPage(page).contains(wanted)) {
      assertThat(System.nanoTime())
          .as("%s is in\n%s", wanted, machine.debugPage(page))
          .isLessThan(deadline);
      Thread.sleep(50);
    }
  }

  @Test
  void callsAndTroubleAreSeenAtTheDebugAddress() throws Exception {
    Machine.busybox(directory);
    try (Machine machine = new Machine(directory);
        BuildClient client = machine.client()) {
      machine.awaitLog("debug handlers listening");
      assertThat(machine.debugPage("/debug/events")).startsWith("errors: 0, warnings: 0 ");
      Definition sleeps = Machine.base().run(Llb.args("/bin/sleep", "1000")).root().marshal();
      Thread build =
          Thread.startVirtualThread(() -> {
            try {
              client.solve(Optional.of(sleeps), machine.options(), status -> {});
            } catch (Exception e) {
              // it is cancelled
            }
          });
      String solve = "moby.buildkit.v1.Control/Solve\n  running: ";
      awaitPage(machine, "/debug/requests", solve + "1\n");
      build.interrupt();
      build.join();
      awaitPage(machine, "/debug/requests", solve + "0\n  ended: 1\n");
      assertThat(machine.debugPage("/debug/requests")).contains("s CANCELLED");
      for (int i = 0; i < 11; i++) {
        assertThatThrownBy(() ->
                client.solve(
                    Optional.of(Machine.base().run(Llb.args("/bin/none")).root().marshal()),
                    machine.options(),
                    status -> {}))
            .isInstanceOf(BuildException.class);
      }
      String page = machine.debugPage("/debug/requests");
      assertThat(page)
          .contains(solve + "0\n  ended: 12\n")
          .contains("  not OK: 12, the latest of them\n")
          .containsPattern("    \\S+Z \\d+\\.\\d{3}s UNKNOWN process \"/bin/none\" did not");
      assertThat(machine.debugPage("/debug/events"))
          .startsWith("errors: 0, warnings: 11 ")
          .contains("level=warning msg=\"build failed\"");
    }
  }

  @Test
  void whatTheJvmHasDoneLatelyIsKeptForWhoeverAsks() throws Exception {
    String flight = "/debug/flight/trace";
    try (Machine machine = new Machine(directory)) {
      machine.awaitLog("debug handlers listening");
      assertThat(machine.debug("GET", flight).status()).isEqualTo(409);
      assertThat(machine.debug("POST", flight + "/set_period?period=never").status())
          .isEqualTo(400);
      assertThat(machine.debug("POST", flight + "/set_period?period=1m").status()).isEqualTo(200);
      assertThat(machine.debug("POST", flight + "/start").status()).isEqualTo(200);
      assertThat(machine.debug("POST", flight + "/start").status()).isEqualTo(409);
      assertThat(machine.debug("POST", flight + "/set_period?period=1m").status()).isEqualTo(412);
      Path file = Files.write(directory.resolve("trace.jfr"), machine.debug("GET", flight).body());
      assertThat(RecordingFile.readAllEvents(file))
          .as("it goes on since before it was asked for")
          .isNotEmpty();
      assertThat(machine.debug("POST", flight + "/stop").status()).isEqualTo(200);
      assertThat(machine.debug("POST", flight + "/stop").status()).isEqualTo(409);
      assertThat(machine.stop()).isZero();
    }
  }

  /** A daemon with a frontend that has a defect. */
  static final class BrokenDaemon {
    public static void main(String[] args) throws Exception {
      Daemon.Extensions broken =
          new Daemon.Extensions(
              Map.of(
                  BROKEN,
                  _ -> {
                    throw new NullPointerException("a defect of ours");
                  }),
              List.of());
      try (OwnDaemon _ = new OwnDaemon(Path.of(args[0]), broken)) {
        System.err.println("serves");
        System.in.read(); // until the test has seen enough
      }
    }
  }

  private Process brokenDaemon(Map<String, String> environment) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            BrokenDaemon.class.getName(),
            directory.toString());
    builder.environment().putAll(environment);
    return builder.start();
  }

  private void askTheBroken() throws Exception {
    String address = "unix://" + directory.resolve("buildd.sock");
    try (BuildClient client =
        BuildClient.connect(
            new ConnectOptions(address, Optional.empty(), Duration.ofSeconds(10)))) {
      client.solve(
          Optional.empty(), SolveOptions.defaults().withFrontend(BROKEN, Map.of()), status -> {});
    }
  }

  private static void awaitServing(BufferedReader said) throws Exception {
    String line = said.readLine();
    while (line != null && !line.equals("serves")) {
      line = said.readLine();
    }
    assertThat(line).isNotNull();
  }

  @Test
  void aDefectIsToldAndLivedWith() throws Exception {
    Process daemon = brokenDaemon(Map.of());
    try (BufferedReader said = daemon.errorReader(StandardCharsets.UTF_8)) {
      awaitServing(said);
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(this::askTheBroken)
            .isInstanceOfSatisfying(
                BuildException.class, e -> assertThat(e.category()).isEqualTo(Category.INTERNAL));
      }
      daemon.getOutputStream().close();
      assertThat(daemon.waitFor(20, TimeUnit.SECONDS)).isTrue();
    } finally {
      daemon.destroyForcibly();
    }
  }

  @Test
  void aDefectStopsADaemonThatIsAskedToStopAtOne() throws Exception {
    Process daemon = brokenDaemon(Map.of(Defects.VARIABLE, "1"));
    try (BufferedReader said = daemon.errorReader(StandardCharsets.UTF_8)) {
      awaitServing(said);
      assertThatThrownBy(this::askTheBroken).isInstanceOf(BuildException.class);
      assertThat(daemon.waitFor(20, TimeUnit.SECONDS)).as("it ends").isTrue();
      assertThat(daemon.exitValue()).isEqualTo(Defects.EXIT_CODE);
      assertThat(said.lines().toList())
          .anyMatch(line -> line.startsWith("panic: "))
          .anyMatch(line -> line.contains("a defect of ours"))
          .anyMatch(line -> line.contains("at dev.buildd.daemon.DiagnosticsTest$BrokenDaemon"));
    } finally {
      daemon.destroyForcibly();
    }
  }
}
