package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.UsageInfo;
import dev.buildd.gateway.WorkerInfo.GcPolicy;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.session.rpc.EventLoops;
import io.netty.channel.EventLoopGroup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes from a daemon's cache, when, and what is told of it. */
@Tag("root")
final class GarbageCollectionTest {
  private static final BuildClient.PruneOptions ALL =
      new BuildClient.PruneOptions(List.of(), true, Duration.ZERO, 0, 0, 0);

  @TempDir Path temp;

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  private static State sh(String script) {
    return Machine.base().run(Llb.shlex("/bin/sh -c '" + script + "'")).root();
  }

  /** Eight builds at a time bring twice as much as the disk holds; not one of them fails. */
  @Test
  void aDiskThatGetsFullEndsNoBuild() throws Exception {
    Path small = Files.createDirectories(temp.resolve("small"));
    run("mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", small.toString());
    try {
      Path data = Files.createDirectories(temp.resolve("data"));
      Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
      try (Machine machine = new Machine(small)) {
        List<Thread> clients = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          int number = i;
          clients.add(
              Threads.start(
                  "client " + i,
                  () -> {
                    try (BuildClient client = machine.client()) {
                      for (int j = 0; j < 10; j++) {
                        bring(client, data.resolve(number + "-" + j));
                      }
                    } catch (Exception | Error e) {
                      failures.add(e);
                    }
                  }));
        }
        for (Thread client : clients) {
          client.join();
        }
        assertThat(failures).isEmpty();
        assertThat(Files.readString(small.resolve("log"))).contains("the disk is full");
        awaitNoHolds(machine);
      }
    } finally {
      run("umount", "-l", small.toString());
    }
  }

  /** Uploads a directory of 4 MB, and copies it. */
  private static void bring(BuildClient client, Path directory) throws Exception {
    byte[] bytes = new byte[4 << 20];
    new Random(directory.hashCode()).nextBytes(bytes);
    Files.write(Files.createDirectories(directory).resolve("f"), bytes);
    client.solve(
        Optional.of(
            Llb.scratch()
                .file(
                    Llb.copy(
                        Llb.local("data"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly()))
                .marshal()),
        SolveOptions.defaults().withLocalDir("data", directory),
        status -> {});
    Files.delete(directory.resolve("f"));
  }

  private static void awaitNoHolds(Machine machine) throws Exception {
    long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    Map<String, Object> figures = machine.figures();
    while (Json.number(figures, "leases") + Json.number(figures, "sessions") > 0
        && System.nanoTime() < patience) {
      Thread.sleep(20);
      figures = machine.figures();
    }
    assertThat(Json.number(figures, "leases")).as("%s", figures).isZero();
    assertThat(Json.number(figures, "sessions")).as("%s", figures).isZero();
  }

  /** However a build ends, nothing is held afterwards, and all can be removed. */
  @Test
  void everyKindOfEndGivesBackAllHolds() throws Exception {
    Machine.busybox(temp);
    try (Machine machine = new Machine(temp)) {
      try (BuildClient client = machine.client()) {
        machine.build(client, sh("echo success"), temp.resolve("out"));
      }
      awaitNoHolds(machine);

      try (BuildClient client = machine.client()) {
        assertThatThrownBy(() -> machine.build(client, sh("exit 3"), temp.resolve("out")))
            .hasMessageContaining("exit code: 3");
      }
      awaitNoHolds(machine);

      for (SolveOptions.Export export :
          List.of(
              new SolveOptions.Export(
                  "image", Map.of("name", "127.0.0.1:1/i", "push", "true"), Optional.empty()),
              SolveOptions.Export.local(Files.writeString(temp.resolve("file"), "no directory")))) {
        assertThatThrownBy(() -> machine.export(sh("echo exported"), export))
            .isInstanceOf(Exception.class);
        awaitNoHolds(machine);
      }

      try (BuildClient client = machine.client()) {
        CountDownLatch running = new CountDownLatch(1);
        Thread build = endless(machine, client, running);
        assertThat(running.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(Json.number(machine.figures(), "leases")).isPositive();
        build.interrupt();
        build.join();
      }
      awaitNoHolds(machine);

      CountDownLatch running = new CountDownLatch(1);
      BuildClient killed = machine.client();
      Thread build = endless(machine, killed, running);
      assertThat(running.await(20, TimeUnit.SECONDS)).isTrue();
      killed.close(); // its connection, in the middle of everything
      build.join();
      awaitNoHolds(machine);

      try (BuildClient client = machine.client()) {
        client.prune(ALL, record -> {});
        assertThat(client.diskUsage(List.of())).isEmpty();
      }
    }
  }

  private static Thread endless(Machine machine, BuildClient client, CountDownLatch running) {
    return Threads.start(
        "build",
        () -> {
          try {
            client.solve(
                Optional.of(sh("echo on; sleep 1000").marshal()),
                machine.options(),
                status -> {
                  if (!status.logs().isEmpty()) {
                    running.countDown();
                  }
                });
          } catch (Exception e) {
            // as it should
          }
        });
  }

  @Test
  void aDryRunTellsWhatAPruneThenDoes() throws Exception {
    Machine.busybox(temp);
    try (Machine machine = new Machine(temp);
        BuildClient client = machine.client()) {
      machine.build(client, sh("echo one"), temp.resolve("out"));
      awaitNoHolds(machine);
      BuildClient.PruneOptions some =
          new BuildClient.PruneOptions(
              List.of("description~=echo", "type==source.local"), false, Duration.ZERO, 0, 0, 0);
      List<String> planned = new ArrayList<>();
      List<String> kept = new ArrayList<>();
      client.planPrune(
          some,
          (record, why) -> {
            (why.isEmpty() ? planned : kept).add(record.id());
            assertThat(why).isIn("", "no filter matches");
          });
      assertThat(client.diskUsage(List.of())).hasSize(planned.size() + kept.size());
      List<String> gone = new ArrayList<>();
      client.prune(some, record -> gone.add(record.id()));
      assertThat(gone).isEqualTo(planned).isNotEmpty();
      assertThat(client.diskUsage(List.of()))
          .extracting(UsageInfo::id)
          .containsExactlyInAnyOrderElementsOf(kept)
          .isNotEmpty();
    }
  }

  /** A daemon that does not know the call must not prune instead. */
  @Test
  void aDaemonThatCannotTellIsAskedForNothingElse() throws Exception {
    EventLoopGroup loops = EventLoops.create("test", 1);
    String address = "unix://" + temp.resolve("stock.sock");
    Listener.Setup setup =
        new Listener.Setup(
            BuilddConfig.defaults().grpc(),
            Optional.empty(),
            PassedSockets.of(Map.of(), 0),
            loops,
            List.of());
    try (Listener listener = Listener.open(address, setup).getFirst();
        BuildClient client =
            BuildClient.connect(
                new ConnectOptions(address, Optional.empty(), Duration.ofSeconds(10)))) {
      assertThat(listener).isNotNull();
      assertThatThrownBy(() -> client.planPrune(ALL, (record, why) -> {}))
          .hasMessageContaining("nothing was removed")
          .satisfies(
              e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.UNIMPLEMENTED));
    } finally {
      loops.shutdownGracefully();
    }
  }

  /** Flags say what is kept, workers tell it, and the collector goes by it from the start. */
  @Test
  void flagsSetThePoliciesThatWorkersTell() throws Exception {
    Machine.busybox(temp);
    try (Machine machine = new Machine(temp, "--oci-worker-gc=false");
        BuildClient client = machine.client()) {
      assertThat(client.workers(List.of()).getFirst().gcPolicy()).isEmpty();
      Path data = Files.createDirectories(temp.resolve("data"));
      bring(client, data.resolve("one"));
      bring(client, data.resolve("two"));
      assertThat(client.diskUsage(List.of())).hasSizeGreaterThan(2);
    }
    try (Machine machine = new Machine(temp, "--oci-worker-gc-keepstorage", "1,2,3");
        BuildClient client = machine.client()) {
      assertThat(client.workers(List.of()).getFirst().gcPolicy())
          .hasSize(4)
          .last()
          .isEqualTo(new GcPolicy(true, 0, List.of(), 1_000_000, 3_000_000, 2_000_000));
      long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (!client.diskUsage(List.of()).isEmpty() && System.nanoTime() < patience) {
        Thread.sleep(50);
      }
      assertThat(client.diskUsage(List.of())).as("records of 4 MB each").isEmpty();
    }
  }
}
