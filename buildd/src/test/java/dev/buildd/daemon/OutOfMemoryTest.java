package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A daemon whose heap is too small for what it is asked, with the options that it is shipped with:
 * it ends by itself, for a supervisor to start it again, and does not stay deaf.
 */
@Tag("root")
@Timeout(300)
class OutOfMemoryTest {
  private static final int BUILDS = 3;
  private static final int FILES = 4000;

  @TempDir Path directory;

  /** Files that stand side by side, gathered in copies. */
  private static State many(String salt) {
    State out = Llb.scratch();
    for (int i = 0; i < FILES; i++) {
      State file = Llb.scratch().file(Llb.mkfile("/" + salt + i, 0644, "x".repeat(2000) + i));
      out = Llb.merge(List.of(out, file));
    }
    return out;
  }

  @Test
  void aFullHeapEndsTheDaemonAndNothingIsLost() throws Exception {
    Path options = Path.of("..", "packaging", "buildd.options").toRealPath();
    Machine.busybox(directory);
    try (Machine machine = new Machine(directory, List.of("@" + options, "-Xmx40m"))) {
      State before = Machine.base().run(Llb.args("/bin/sh", "-c", "echo before > /before")).root();
      try (BuildClient client = machine.client()) {
        assertThat(machine.build(client, before, directory.resolve("out1"))).isNotEmpty();
      }
      List<Thread> builds = new ArrayList<>();
      for (int i = 0; i < BUILDS; i++) {
        State state = many("f" + i + "-");
        builds.add(Threads.start("build", () -> run(machine, state)));
      }
      assertThat(machine.process().waitFor(120, TimeUnit.SECONDS)).as("the daemon ends").isTrue();
      assertThat(machine.process().exitValue()).as("exit code of HotSpot for it").isEqualTo(3);
      for (Thread build : builds) {
        build.join();
      }
      machine.restart();
      assertThat(machine.mounts()).isEmpty();
      try (BuildClient client = machine.client()) {
        assertThat(machine.build(client, before, directory.resolve("out2")))
            .noneMatch(name -> name.contains("echo before"));
      }
      assertThat(directory.resolve("out2/before")).hasContent("before");
    }
  }

  private static void run(Machine machine, State state) {
    try (BuildClient client = machine.client()) {
      client.solve(Optional.of(state.marshal()), SolveOptions.defaults(), status -> {});
    } catch (Exception e) {
      // the daemon ended
    }
  }
}
