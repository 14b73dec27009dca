package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills the daemon at random moments of random builds. What it had reported complete is cached
 * after a restart, the bytes are right, and nothing of the dead builds is left.
 */
@Tag("root")
@Timeout(3600)
class KillTest {
  private static final int KILLS = Integer.getInteger("kills", 30);

  @TempDir Path directory;

  /** A chain of steps, some of them file actions, whose names are unique to the round. */
  private static State random(Random random, int round, List<String> expected) {
    State state = Machine.base();
    int steps = 3 + random.nextInt(6);
    for (int i = 0; i < steps; i++) {
      String name = "r" + round + "-" + i;
      expected.add(name);
      state =
          random.nextBoolean()
              ? state.file(Llb.mkfile("/" + name, 0644, name + "\n"))
              : state.run(Llb.args("/bin/sh", "-c", "echo " + name + " > /" + name)).root();
    }
    return state;
  }

  @Test
  void nothingReportedIsLostAndNothingIsLeft() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    Machine.busybox(directory);
    int checked = 0;
    try (Machine machine = new Machine(directory)) {
      for (int round = 0; round < KILLS; round++) {
        List<String> files = new ArrayList<>();
        State state = random(random, round, files);
        Set<String> reported = ConcurrentHashMap.newKeySet();
        Thread build = Threads.start("build", () -> run(machine, state, reported));
        Thread.sleep(50 + random.nextInt(900));
        machine.kill();
        build.join();
        Set<String> done = new HashSet<>(reported);
        machine.restart();
        assertThat(machine.mounts()).as("mounts after a restart").isEmpty();
        assertThat(containers(machine)).as("containers after a restart").isEmpty();
        Path out = directory.resolve("out" + round);
        Set<String> ranAgain;
        try (BuildClient client = machine.client()) {
          ranAgain = machine.build(client, state, out);
        }
        ranAgain.removeIf(name -> name.startsWith("local://") || name.startsWith("exporting"));
        done.removeIf(name -> name.startsWith("local://"));
        ranAgain.retainAll(done);
        assertThat(ranAgain).as("steps that were reported complete and ran again").isEmpty();
        checked += done.size();
        for (String name : files) {
          assertThat(out.resolve(name)).hasContent(name);
        }
      }
    }
    System.out.println(KILLS + " kills, " + checked + " reported steps were all cached");
  }

  /** What a step said before the daemon was killed can be read after it. */
  @Test
  void theLogOfAnInterruptedBuildIsThere() throws Exception {
    Machine.busybox(directory);
    try (Machine machine = new Machine(directory)) {
      State endless =
          Machine.base().run(Llb.args("/bin/sh", "-c", "echo before the end; sleep 1000")).root();
      Thread build = Threads.start("build", () -> run(machine, endless, new HashSet<>()));
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (!written(machine.root().resolve("history/running"), "before the end\n")) {
        assertThat(System.nanoTime()).as("nothing is written").isLessThan(deadline);
        Thread.sleep(50);
      }
      machine.kill();
      build.join();
      machine.restart();
      try (BuildClient client = machine.client()) {
        List<BuildHistoryEvent> events = new ArrayList<>();
        client.history(BuildHistoryRequest.newBuilder().setEarlyExit(true).build(), events::add);
        StringBuilder log = new StringBuilder();
        StringBuilder errors = new StringBuilder();
        client.status(
            events.getFirst().getRecord().getRef(),
            status -> {
              status.logs().forEach(line -> log.append(line.data().toStringUtf8()));
              status.vertexes().forEach(vertex -> errors.append(vertex.error()));
            });
        assertThat(log.toString()).isEqualTo("before the end\n");
        assertThat(errors.toString()).startsWith("interrupted: ");
      }
    }
  }

  private static boolean written(Path logs, String text) throws Exception {
    try (var files = Files.list(logs)) {
      for (Path file : files.toList()) {
        if (new String(Files.readAllBytes(file), ISO_8859_1).contains(text)) {
          return true;
        }
      }
    }
    return false;
  }

  private static void run(Machine machine, State state, Set<String> reported) {
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(state.marshal()),
          SolveOptions.defaults().withLocalDir("rootfs", machine.root().resolveSibling("rootfs")),
          (SolveStatus status) -> Machine.noteRuns(status, reported));
    } catch (Exception e) {
      // killed
    }
  }

  private static List<Path> containers(Machine machine) throws Exception {
    Path state = machine.root().resolve("executor");
    List<Path> out = new ArrayList<>();
    if (Files.isDirectory(state)) {
      try (var entries = Files.walk(state, 3)) {
        entries
            .filter(path -> String.valueOf(path.getFileName()).equals("config.json"))
            .forEach(out::add);
      }
    }
    return out;
  }
}
