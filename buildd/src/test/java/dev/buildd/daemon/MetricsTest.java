package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a daemon tells Prometheus. */
@Tag("root")
@Timeout(90)
final class MetricsTest {
  @TempDir static Path directory;
  private static Machine machine;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(directory);
    machine = new Machine(directory);
  }

  @AfterAll
  static void stop() {
    machine.close();
  }

  private static MetricsText scrape() throws Exception {
    Machine.DebugAnswer answer = machine.debug("GET", "/metrics");
    assertThat(answer.head()).startsWith("HTTP/1.1 200 ");
    assertThat(answer.head().lines())
        .contains("content-type: text/plain; version=0.0.4; charset=utf-8");
    return MetricsText.parse(answer.text());
  }

  /** How much a sample has grown; one that was not there counts as zero. */
  private static double growth(MetricsText before, MetricsText after, String key) {
    return after.value(key) - (before.has(key) ? before.value(key) : 0);
  }

  /** Misses for whatever reason. */
  private static double misses(MetricsText before, MetricsText after) {
    return Stream.of("first", "forced", "changed", "removed", "lost")
        .mapToDouble(why -> growth(before, after, "buildd_cache_misses_total{reason=" + why + "}"))
        .sum();
  }

  private static State step(String script) {
    return Machine.base().run(Llb.args("/bin/sh", "-c", script)).root();
  }

  @Test
  void buildsStepsAndBytesAreCounted(@TempDir Path out) throws Exception {
    MetricsText start = scrape();
    assertThat(start.value("buildd_builds_running")).isZero();
    try (BuildClient client = machine.client()) {
      State state = step("echo counted > /f");
      Set<String> names = machine.build(client, state, out);
      assertThat(names).contains("/bin/sh -c echo counted > /f");
      MetricsText ran = scrape();
      assertThat(growth(start, ran, "buildkit_builds_total{status=success}")).isEqualTo(1);
      double runs = growth(start, ran, "buildd_steps_total{outcome=run}");
      assertThat(runs).isBetween(2.0, 3.0); // files of the base may be known from another test
      assertThat(growth(start, ran, "buildd_steps_total{outcome=hit}")).isEqualTo(3 - runs);
      assertThat(growth(start, ran, "buildd_steps_cpu_seconds_total")).isBetween(0.001, 10.0);
      assertThat(misses(start, ran))
          .as("what a client sends is looked at anew for no reason")
          .isEqualTo(runs - 1);
      assertThat(growth(start, ran, "buildkit_builds_steps_total{kind=completed}"))
          .as("three steps and the export")
          .isEqualTo(4);
      assertThat(growth(start, ran, "buildkit_build_duration_seconds_count{status=success}"))
          .isEqualTo(1);
      assertThat(growth(start, ran, "buildd_session_received_bytes_total")).isPositive();
      assertThat(growth(start, ran, "buildd_session_sent_bytes_total"))
          .as("busybox is exported")
          .isGreaterThan(500_000);
      assertThat(growth(start, ran, "buildd_store_written_bytes_total")).isPositive();
      assertThat(growth(start, ran, "buildd_store_write_seconds_count")).isPositive();
      assertThat(
              growth(
                  start,
                  ran,
                  "rpc_server_call_duration_seconds_count{rpc_method=moby.buildkit.v1.Control/Solve,"
                      + " rpc_response_status_code=OK, rpc_system_name=grpc}"))
          .isEqualTo(1);

      machine.build(client, state, out.resolve("again"));
      MetricsText hit = scrape();
      assertThat(growth(ran, hit, "buildd_steps_total{outcome=hit}")).isEqualTo(2);
      assertThat(misses(ran, hit)).isZero();

      machine.build(client, step("echo counted anew > /f"), out.resolve("changed"));
      assertThat(growth(hit, scrape(), "buildd_cache_misses_total{reason=changed}")).isEqualTo(1);
    }
  }

  @Test
  void failuresAreCountedByTheirCode() throws Exception {
    MetricsText before = scrape();
    try (BuildClient client = machine.client()) {
      assertThatThrownBy(() ->
              client.solve(Optional.of(step("exit 3").marshal()), machine.options(), status -> {}))
          .hasMessageContaining("exit code: 3");
    }
    MetricsText after = scrape();
    assertThat(growth(before, after, "buildkit_builds_total{error_code=Unknown, status=failure}"))
        .isEqualTo(1);
    assertThat(growth(before, after, "buildd_steps_total{outcome=failed}")).isEqualTo(1);
  }

  @Test
  void whatRunsIsSeenWhileItRuns() throws Exception {
    try (BuildClient client = machine.client()) {
      Thread building =
          Thread.startVirtualThread(() -> {
            try {
              client.solve(
                  Optional.of(step("sleep 30").marshal()), machine.options(), status -> {});
            } catch (Exception e) {
              // it is cancelled
            }
          });
      while (scrape().value("buildd_steps_running") < 1) {
        Thread.sleep(50);
      }
      MetricsText running = scrape();
      assertThat(running.value("buildd_builds_running")).isEqualTo(1);
      assertThat(running.value("buildd_steps_queued")).isZero();
      assertThat(machine.debugPage("/debug/threads")).contains("/bin/sh -c sleep 30");
      building.interrupt();
      building.join();
    }
    while (scrape().value("buildd_builds_running") > 0) {
      Thread.sleep(50);
    }
    assertThat(scrape().value("buildd_steps_running")).isZero();
  }

  @Test
  void theProcessIsTold() throws Exception {
    MetricsText figures = scrape();
    assertThat(figures.value("process_resident_memory_bytes")).isGreaterThan(20 << 20);
    assertThat(figures.value("process_open_fds")).isBetween(10.0, 10_000.0);
    assertThat(figures.value("jvm_threads_current")).isPositive();
    assertThat(figures.value("jvm_memory_used_bytes{area=heap}")).isGreaterThan(1 << 20);
    assertThat(figures.value("process_start_time_seconds"))
        .isCloseTo(System.currentTimeMillis() / 1e3, Offset.offset(120.0));
    assertThat(figures.hasName("jvm_gc_collection_seconds_sum")).isTrue();
    assertThat(figures.hasName("buildd_build_info")).isTrue();
  }

  /** A dashboard that asks for what nobody tells shows nothing, and nobody notices. */
  @Test
  void theDashboardAsksForWhatThereIs(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      machine.build(client, step("echo shown > /f"), out);
    }
    MetricsText figures = scrape();
    Path file = Path.of("../packaging/grafana-dashboard.json");
    List<String> expressions = new ArrayList<>();
    for (Map<String, Object> panel :
        Json.objects(Json.parseObject(Files.readAllBytes(file), "dashboard"), "panels")) {
      for (Map<String, Object> target : Json.objects(panel, "targets")) {
        expressions.add(Json.text(target, "expr"));
      }
    }
    assertThat(expressions).hasSizeGreaterThan(15);
    Pattern series = Pattern.compile("([a-z_]+)\\{([^}]*)\\}");
    for (String expression : expressions) {
      Matcher matcher = series.matcher(expression);
      assertThat(matcher.find()).as(expression).isTrue();
      do {
        assertThat(figures.hasName(matcher.group(1))).as(expression).isTrue();
        assertThat(matcher.group(2))
            .as(expression)
            .startsWith("job=\"$job\",instance=~\"$instance\"");
      } while (matcher.find());
      Matcher grouping = Pattern.compile("by \\(([a-z_, ]+)\\)").matcher(expression);
      while (grouping.find()) {
        for (String label : grouping.group(1).split(", ")) {
          assertThat(machine.debugPage("/metrics") + " error_code=")
              .as(expression)
              .contains(label + "=");
        }
      }
    }
  }

  @Test
  void whatHappensInABuildIsLogged() throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(step("echo logged > /f").marshal()),
          machine.options().withRef("logged"),
          status -> {});
      assertThatThrownBy(() ->
              client.solve(
                  Optional.of(step("exit 4").marshal()),
                  machine.options().withRef("logged-failing"),
                  status -> {}))
          .hasMessageContaining("exit code: 4");
    }
    assertThat(machine.log().lines())
        .anySatisfy(line ->
            assertThat(line)
                .contains("level=debug", "msg=\"step ended\" build=logged vertex=sha256:")
                .contains("echo logged", " outcome=run ms="))
        .anySatisfy(
            line -> assertThat(line).contains("msg=\"build ended\" build=logged outcome=done ms="))
        .anySatisfy(line ->
            assertThat(line)
                .contains("level=warning", "msg=\"build failed\" build=logged-failing")
                .contains(" vertex=sha256:", " code=UNKNOWN", "exit code: 4"));
  }

  @Test
  void onlyPostChangesSomethingAndNotForOtherSites() throws Exception {
    assertThat(machine.debug("GET", "/debug/gc").status()).isEqualTo(405);
    assertThat(machine.debug("GET", "/debug/jfr").status()).isEqualTo(405);
    assertThat(machine.debug("POST", "/metrics").status()).isEqualTo(405);
    assertThat(machine.debug("POST", "/debug/gc", "Origin: https://example.com").status())
        .isEqualTo(403);
    double runs = scrape().value("buildd_gc_runs_total");
    Machine.DebugAnswer done = machine.debug("POST", "/debug/gc");
    assertThat(done.status()).isEqualTo(200);
    assertThat(done.text()).startsWith("{").contains("\"records\":", "\"bytes\":");
    assertThat(scrape().value("buildd_gc_runs_total")).isGreaterThanOrEqualTo(runs + 1);
    assertThat(scrape().value("buildd_gc_last_run_time_seconds"))
        .isCloseTo(System.currentTimeMillis() / 1e3, Offset.offset(60.0));
  }

  @Test
  void pagesForLookingIntoADaemon() throws Exception {
    assertThat(machine.debugPage("/debug/"))
        .contains("GET  /metrics", "POST /debug/gc", "POST /debug/jfr", "GET  /debug/heap");
    assertThat(machine.debug("POST", "/debug/heap/collect").text()).contains("\"heapUsed\":");
    assertThat(machine.debug("GET", "/debug/heap/collect").status()).isEqualTo(405);
    assertThat(machine.debug("GET", "/debug/none").status()).isEqualTo(404);
    assertThat(machine.debug("GET", "/debug/cache").status()).isEqualTo(400);
    assertThat(machine.debug("GET", "/debug/cache?id=none").status()).isEqualTo(404);
    assertThat(machine.debug("GET", "/debug/%zz").status()).isEqualTo(400);
  }

  @Test
  void aRecordOfTheCacheIsLookedUp(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      machine.build(client, step("echo looked up > /f"), out);
      String id =
          client.diskUsage(List.of()).stream()
              .filter(record -> record.description().contains("looked up"))
              .findFirst()
              .orElseThrow()
              .id();
      assertThat(machine.debugPage("/debug/cache?id=" + id))
          .contains("\"id\":\"" + id + "\"", "looked up", "\"type\":\"regular\"");
    }
  }
}
