package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients of a real daemon whose builds overlap: equal content, different definitions, with
 * cancels, failing steps and prunes among them. What ScheduledBuildsTest tries of the solver, with
 * the mounts, leases, processes and sockets that builds take. {@code -Drounds=N} sets how many.
 */
@Tag("root")
final class OverlappingBuildsTest {
  private static final int ROUNDS = Integer.getInteger("rounds", 200);

  /** How many rounds go on at once; they share nothing but the daemon. */
  private static final int LANES = 3;

  private static final BuildClient.PruneOptions UNUSED =
      new BuildClient.PruneOptions(List.of(), false, Duration.ZERO, 0, 0, 0);

  @TempDir Path directory;
  private Machine machine;
  private final ConcurrentLinkedQueue<String> faults = new ConcurrentLinkedQueue<>();

  @BeforeEach
  void start() throws Exception {
    Machine.busybox(directory);
    machine = new Machine(directory);
  }

  @AfterEach
  void stop() {
    machine.close();
  }

  @Test
  @Timeout(3_600)
  void noBuildHurtsAnotherAndNothingIsLeft() throws Exception {
    round(new Random(-1), 0, true); // so that what is made once is there
    String before = counts();
    for (int from = 1; from <= ROUNDS; from += LANES) {
      boolean undisturbed = from / LANES % 2 == 0; // alike in all lanes: a prune is felt by all
      List<Callable<Boolean>> lanes = new ArrayList<>();
      for (int i = from; i < Math.min(from + LANES, ROUNDS + 1); i++) {
        int number = i;
        lanes.add(() -> {
          round(new Random(number), number, undisturbed);
          return true;
        });
      }
      Scope.all("round", lanes);
      assertThat(faults).as("rounds from %d", from).isEmpty();
    }
    assertThat(counts()).isEqualTo(before);
    assertThat(machine.stop()).isZero();
    assertThat(machine.mounts()).isEmpty();
  }

  /**
   * Two to six builds at once.
   *
   * @param undisturbed nobody is cancelled and nothing pruned: then each step has run once
   */
  private void round(Random random, int number, boolean undisturbed) throws Exception {
    int clients = 2 + random.nextInt(5);
    int depth = 1 + random.nextInt(4);
    boolean failing = random.nextInt(4) == 0;
    CountDownLatch connected = new CountDownLatch(clients); // a barrier breaks for all at a cancel
    List<Thread> builds = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      State state = graph("round" + number, i, depth, failing);
      boolean cancelled = !undisturbed && random.nextInt(3) == 0;
      Thread build =
          Threads.start(
              "client " + i,
              () -> {
                try (BuildClient client = machine.client()) {
                  connected.countDown();
                  connected.await();
                  client.solve(Optional.of(state.marshal()), machine.options(), status -> {});
                  if (failing) {
                    faults.add("succeeded with a failing step");
                  }
                } catch (Exception e) {
                  connected.countDown(); // once too often does no harm
                  boolean meant =
                      failing && String.valueOf(e.getMessage()).contains("exit code: 7");
                  if (!cancelled && !meant) {
                    faults.add(e.toString());
                  }
                }
              });
      builds.add(build);
      if (cancelled) {
        int patience = random.nextInt(250);
        builds.add(
            Threads.start(
                "cancel " + i,
                () -> {
                  try {
                    Thread.sleep(patience);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  build.interrupt();
                }));
      }
    }
    if (!undisturbed && random.nextInt(3) == 0) {
      Thread.sleep(random.nextInt(100));
      try (BuildClient client = machine.client()) {
        client.prune(UNUSED, record -> {});
      }
    }
    for (Thread build : builds) {
      build.join();
    }
    if (undisturbed && !failing) {
      onceEach(number, depth);
    }
  }

  /**
   * Steps of equal content over files that each client defines in its own way.
   *
   * @param failing whether the last step fails
   */
  private static State graph(String round, int client, int depth, boolean failing) {
    State files =
        Llb.scratch()
            .file(Llb.mkfile("/own", 0644, "client " + client))
            .file(Llb.mkfile("/same", 0644, round));
    State out = Llb.scratch().file(Llb.copy(files, "/same", "/same"));
    for (int i = 0; i < depth; i++) {
      boolean last = i == depth - 1;
      String script =
          "cat /in/same > /out/same; echo "
              + i
              + " >> /out/same; sleep 0.02;"
              + (last && failing ? "exit 7;" : "")
              + " echo "
              + round
              + "."
              + i
              + " >> /c/log";
      out =
          Machine.base()
              .run(
                  Llb.args("/bin/sh", "-c", script),
                  Llb.addMount("/in", out, Llb.readonly()),
                  Llb.addMount(
                      "/c", Llb.scratch(), Llb.asPersistentCacheDir(round, CacheSharing.SHARED)))
              .addMount("/out", Llb.scratch());
    }
    return out;
  }

  /** Every step notes its end in a cache mount. */
  private void onceEach(int number, int depth) throws Exception {
    Path out = directory.resolve("out" + number);
    State reader =
        Machine.base()
            .addEnv("ROUND", Integer.toString(number))
            .run(
                Llb.args("/bin/sh", "-c", "cat /c/log > /out"),
                Llb.addMount(
                    "/c",
                    Llb.scratch(),
                    Llb.asPersistentCacheDir("round" + number, CacheSharing.SHARED)))
            .root();
    try (BuildClient client = machine.client()) {
      machine.build(client, reader, out);
    }
    List<String> ends =
        Files.readAllLines(out.resolve("out")).stream()
            .filter(line -> line.startsWith("round" + number + "."))
            .toList();
    assertThat(ends).as("ends of steps").doesNotHaveDuplicates();
    assertThat(new HashSet<>(ends)).as("steps that ran").hasSize(depth);
  }

  /** What the daemon holds once it has forgotten all jobs, some seconds after they end. */
  private String counts() throws Exception {
    long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    String last = "";
    while (true) {
      machine.threads(); // the JVM that is asked keeps a thread and a socket for it
      Map<String, Object> figures = machine.figures();
      String now =
          "jobs %s, vertices %s, sessions %s, leases %s, mounts %d, processes %d, threads %s, descriptors %d"
              .formatted(
                  Json.number(figures, "jobs"),
                  Json.number(figures, "vertices"),
                  Json.number(figures, "sessions"),
                  Json.number(figures, "leases"),
                  machine.mounts().size(),
                  machine.children(),
                  machine.threads(),
                  machine.descriptors());
      boolean quiet = Json.number(figures, "jobs") == 0;
      if ((quiet && now.equals(last)) || System.nanoTime() > patience) {
        return now;
      }
      last = quiet ? now : "";
      Thread.sleep(300);
    }
  }
}
