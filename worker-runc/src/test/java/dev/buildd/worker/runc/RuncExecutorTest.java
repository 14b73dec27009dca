package dev.buildd.worker.runc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.solver.executor.Executor;
import dev.buildd.solver.executor.ProcessSpec.Network;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Runc on plain directories, such as the native snapshotter's. */
class RuncExecutorTest extends ExecutorContract {
  @Override
  Executor open(Path directory) {
    return new RuncExecutor(RuncSettings.of(directory));
  }

  @Override
  Path newRoot() throws IOException {
    return Files.createDirectories(dir.resolve("rootfs"));
  }

  @Override
  void closeRoot() throws Exception {}

  @Override
  List<String> left() throws IOException {
    List<String> out = new ArrayList<>(bundles());
    out.addAll(cgroups());
    out.addAll(list(dir.resolve("executor/runc")));
    return out;
  }

  private List<String> bundles() throws IOException {
    return list(dir.resolve("executor")).stream().filter(name -> name.length() == 25).toList();
  }

  /** Cgroups of this executor's containers that still have processes or exist at all. */
  private List<String> cgroups() throws IOException {
    List<String> out = new ArrayList<>();
    for (String hierarchy : list(Path.of("/sys/fs/cgroup"))) {
      for (String id : list(Path.of("/sys/fs/cgroup", hierarchy, "buildd-test/buildkit"))) {
        if (id.matches("[0-9a-z]{25}")) {
          out.add(hierarchy + "/" + id);
        }
      }
    }
    return out;
  }

  @Test
  void missingProgramIsRuncsFailure() throws Exception {
    Step.Outcome outcome = Step.of(rootfs, "/nope").run(executor);
    assertThat(outcome.code()).isNotZero();
    assertThat(outcome.err()).contains("/nope").contains("no such file or directory");
  }

  @Test
  void recoverRemovesWhatAKilledDaemonLeft() throws Exception {
    // what a daemon does up to its death: a bundle, and a runc that runs on
    String id = "0123456789abcdefghijklmno";
    Path bundle = Files.createDirectories(dir.resolve("executor").resolve(id));
    String cgroup = "/buildd-test/buildkit/" + id;
    Files.writeString(bundle.resolve("cgroup"), cgroup);
    Path empty = Files.writeString(bundle.resolve("hosts"), "");
    byte[] config =
        RuntimeSpec.json(
            shell("sleep 985 & sleep 985").spec(),
            new RuntimeSpec.Container(
                id,
                new ContainerUser(0, 0, List.of(0L)),
                empty,
                empty,
                Network.HOST,
                "buildd-test",
                "",
                Optional.empty(),
                false),
            RuntimeSpec.Machine.detect());
    Files.write(bundle.resolve("config.json"), config);
    Process left =
        new Runc(RuncSettings.of(dir).runc(), dir.toRealPath().resolve("executor/runc"))
            .start(bundle, id, new Runc.Streams(false, Optional.empty()));
    while (processes("sleep\000985").size() < 2) {
      Thread.sleep(10);
    }
    new RuncExecutor(RuncSettings.of(dir.resolve("executor"))).recover();
    left.waitFor();
    assertThat(processes("sleep\000985")).isEmpty();
    nothingIsLeft();
  }

  @Test
  void anInterruptWhileAContainerIsTakenAwayLeavesNothing() throws Exception {
    // whose command fails but leaves it, as on a full disk, and which takes a while to delete
    Path deletes = dir.resolve("deletes");
    Path runtime = dir.resolve("slow-runc");
    Files.writeString(
        runtime,
        """
        #!/bin/sh
        for id; do :; done
        case " $* " in
          *" run "*) mkdir -p "$2/$id"; exit 1 ;;
          *" delete "*) : > '%s'; exec >&- 2>&-; sleep 1; rm -r "$2/$id" ;;
        esac
        """
            .formatted(deletes));
    Files.setPosixFilePermissions(runtime, PosixFilePermissions.fromString("rwx------"));
    RuncSettings settings =
        new RuncSettings(
            dir.resolve("executor"),
            runtime,
            Network.HOST,
            "buildd-test",
            "",
            RuncSettings.Dns.OF_HOST,
            Optional.empty());
    CountDownLatch interrupted = new CountDownLatch(1);
    Thread build =
        Thread.startVirtualThread(() -> {
          try {
            shell("true").run(new RuncExecutor(settings));
          } catch (Exception e) {
            // whatever it says
          }
          if (Thread.interrupted()) {
            interrupted.countDown();
          }
        });
    while (!Files.exists(deletes)) {
      Thread.sleep(10);
    }
    build.interrupt();
    build.join();
    assertThat(interrupted.getCount()).as("the interrupt is kept").isZero();
    nothingIsLeft();
  }
}
