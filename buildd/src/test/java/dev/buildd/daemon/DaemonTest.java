package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.client.UsageInfo;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.Llb;
import dev.buildd.llb.NetworkMode;
import dev.buildd.llb.State;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryEventType;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.DiffOp;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileActionMkDir;
import dev.buildd.proto.pb.FileOp;
import dev.buildd.proto.pb.Input;
import dev.buildd.proto.pb.MergeInput;
import dev.buildd.proto.pb.MergeOp;
import dev.buildd.proto.pb.Meta;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.SourceOp;
import io.grpc.CallOptions;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The daemon as clients see it: real runc, overlayfs, sockets and processes. */
@Tag("root")
@Timeout(30)
class DaemonTest {
  private static final int ROUNDS = Integer.getInteger("rounds", 50);

  @TempDir static Path directory;
  private static Machine machine;

  @BeforeAll
  static void start() throws Exception {
    assertThat(Machine.isRoot()).as("these tests need root").isTrue();
    Machine.busybox(directory);
    machine = new Machine(directory);
  }

  @AfterAll
  static void stopsWithCodeZeroAndLeavesNothing() throws Exception {
    assertThat(machine.stop()).isZero();
    assertThat(machine.mounts()).isEmpty();
  }

  private static State sh(State state, String script) {
    return state.run(Llb.args("/bin/sh", "-c", script)).root();
  }

  @Test
  void aStepRunsAndItsFilesComeBack(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      State state = sh(Machine.base(), "echo hello > /greeting; id > /who");
      machine.build(client, state, out);
      assertThat(out.resolve("greeting")).hasContent("hello");
      assertThat(Files.readString(out.resolve("who"))).startsWith("uid=0 gid=0");
      assertThat(machine.build(client, state, out))
          .as("run again")
          .doesNotContain("/bin/sh -c echo hello > /greeting; id > /who");
    }
  }

  @Test
  void outputAndExitCodeAreTold() throws Exception {
    try (BuildClient client = machine.client()) {
      State state = sh(Machine.base(), "echo to-out; echo to-err >&2; exit 7");
      ConcurrentLinkedQueue<String> logs = new ConcurrentLinkedQueue<>();
      assertThatThrownBy(() ->
              client.solve(
                  Optional.of(state.marshal()),
                  machine.options(),
                  status ->
                      status.logs().forEach(l -> logs.add(l.stream() + l.data().toStringUtf8()))))
          .isInstanceOfSatisfying(SolveException.class, e -> assertThat(e.exitCode()).hasValue(7))
          .hasMessageContaining("did not complete successfully: exit code: 7");
      assertThat(logs).contains("1to-out\n", "2to-err\n");
    }
  }

  @Test
  void fileActionsMergeAndDiff(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      State left = Llb.scratch().file(Llb.mkfile("/a", 0640, "a"));
      State right = Llb.scratch().file(Llb.mkdir("/d", 0700).mkfile("/d/b", 0600, "b"));
      State merged = Llb.merge(List.of(Machine.base(), left, right));
      State changed = sh(merged, "cat /a /d/b > /ab; rm /a");
      machine.build(client, Llb.diff(merged, changed), out);
      assertThat(out.resolve("ab")).hasContent("ab");
      assertThat(out.resolve("d")).doesNotExist();
      assertThat(out.resolve("bin")).doesNotExist();
    }
  }

  @Test
  void cacheMountsKeepWhatStepsWrite(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      for (int i = 1; i <= 2; i++) {
        State state =
            Machine.base()
                .addEnv("ROUND", Integer.toString(i))
                .run(
                    Llb.args("/bin/sh", "-c", "echo x >> /c/log; cat /c/log > /out"),
                    Llb.addMount(
                        "/c",
                        Llb.scratch(),
                        Llb.asPersistentCacheDir("test-cache", CacheSharing.SHARED)))
                .root();
        machine.build(client, state, out);
        assertThat(Files.readAllLines(out.resolve("out"))).hasSize(i);
      }
    }
  }

  @Test
  void aDefinitionMayComeFromAStep(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      byte[] inner =
          Llb.scratch()
              .file(Llb.mkfile("/made-inside", 0644, "inner"))
              .marshal()
              .toProto()
              .toByteArray();
      State holder =
          Llb.scratch()
              .file(Llb.mkfile("/graph", 0644, inner, dev.buildd.llb.FileAction.Make.DEFAULT));
      machine.build(client, holder.build("/graph"), out);
      assertThat(out.resolve("made-inside")).hasContent("inner");
    }
  }

  @Test
  void noCacheRunsStepsAgain(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      State base = Machine.base();
      State once = base.run(Llb.args("/bin/sh", "-c", "echo forced > /f")).root();
      State again =
          base.run(Llb.args("/bin/sh", "-c", "echo forced > /f"), Llb.ignoreCache()).root();
      machine.build(client, once, out);
      String name = "/bin/sh -c echo forced > /f";
      assertThat(machine.build(client, once, out)).doesNotContain(name);
      assertThat(machine.build(client, again, out)).contains(name);
      assertThat(machine.build(client, once, out)).doesNotContain(name);
    }
  }

  @Test
  void aThousandFileStepsOneAfterAnother(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      State state = Llb.scratch();
      for (int i = 0; i < 1000; i++) {
        state = state.file(Llb.mkfile("/f" + i, 0644, "" + i));
      }
      machine.build(client, state, out);
      try (var files = Files.list(out)) {
        assertThat(files.count()).isEqualTo(1000);
      }
    }
  }

  @Test
  void networkHostNeedsBothSides() throws Exception {
    try (BuildClient client = machine.client()) {
      State state = sh(Machine.base().network(NetworkMode.HOST), "true");
      assertThatThrownBy(
              () -> client.solve(Optional.of(state.marshal()), machine.options(), s -> {}))
          .hasMessageContaining("network.host is not allowed");
      assertThatThrownBy(() ->
              client.solve(
                  Optional.of(state.marshal()),
                  machine.options().withEntitlements("network.host"),
                  s -> {}))
          .hasMessageContaining("network.host is not allowed by build daemon configuration");
    }
  }

  @Test
  void historyTellsOfBuildsAndForgetsThem(@TempDir Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(Llb.scratch().file(Llb.mkfile("/h", 0644, "h")).marshal()),
          machine.options().withRef("history-test"),
          s -> {});
      List<BuildHistoryEvent> events = new ArrayList<>();
      BuildHistoryRequest request =
          BuildHistoryRequest.newBuilder().setRef("history-test").setEarlyExit(true).build();
      client.history(request, events::add);
      assertThat(events)
          .singleElement()
          .satisfies(e -> {
            assertThat(e.getType()).isEqualTo(BuildHistoryEventType.COMPLETE);
            assertThat(e.getRecord().getNumCompletedSteps()).isPositive();
          });
      List<SolveStatus> replayed = new ArrayList<>();
      client.status("history-test", replayed::add);
      assertThat(replayed).isNotEmpty();
      client.updateHistory(
          UpdateBuildHistoryRequest.newBuilder().setRef("history-test").setDelete(true).build());
      events.clear();
      client.history(request, events::add);
      assertThat(events).isEmpty();
    }
  }

  @Test
  void programsCanAskForServicesAndMessages() throws Exception {
    try (BuildClient client = machine.client()) {
      List<String> services =
          reflected(client, r -> r.setListServices(""))
              .getListServicesResponse()
              .getServiceList()
              .stream()
              .map(ServiceResponse::getName)
              .toList();
      assertThat(services)
          .contains(
              "moby.buildkit.v1.Control",
              "moby.buildkit.v1.frontend.LLBBridge",
              "containerd.services.content.v1.Content",
              "grpc.health.v1.Health",
              "grpc.reflection.v1alpha.ServerReflection");
      for (String service : services) {
        assertThat(
                reflected(client, r -> r.setFileContainingSymbol(service))
                    .getFileDescriptorResponse()
                    .getFileDescriptorProtoList())
            .as(service)
            .isNotEmpty();
      }
    }
  }

  private static ServerReflectionResponse reflected(
      BuildClient client, Consumer<ServerReflectionRequest.Builder> request) throws Exception {
    ServerReflectionRequest.Builder asked = ServerReflectionRequest.newBuilder();
    request.accept(asked);
    CompletableFuture<ServerReflectionResponse> answer = new CompletableFuture<>();
    ClientCalls.asyncBidiStreamingCall(
            client
                .channel()
                .newCall(ServerReflectionGrpc.getServerReflectionInfoMethod(), CallOptions.DEFAULT),
            new StreamObserver<ServerReflectionResponse>() {
              @Override
              public void onNext(ServerReflectionResponse response) {
                answer.complete(response);
              }

              @Override
              public void onError(Throwable t) {
                answer.completeExceptionally(t);
              }

              @Override
              public void onCompleted() {}
            })
        .onNext(asked.build());
    return answer.get(20, TimeUnit.SECONDS);
  }

  @Test
  void whatIsPrunedIsGone(@TempDir Path other) throws Exception {
    Machine.busybox(other);
    try (Machine own = new Machine(other);
        BuildClient client = own.client()) {
      own.build(client, sh(Machine.base(), "true"), other.resolve("out"));
      assertThat(client.diskUsage(List.of())).isNotEmpty();
      List<UsageInfo> gone = new ArrayList<>();
      client.prune(
          new BuildClient.PruneOptions(List.of(), true, Duration.ZERO, 0, 0, 0), gone::add);
      assertThat(gone).isNotEmpty();
      assertThat(client.diskUsage(List.of())).isEmpty();
    }
  }

  @Test
  void beingStoppedDuringABuildLeavesNothing(@TempDir Path other) throws Exception {
    Machine.busybox(other);
    CountDownLatch running = new CountDownLatch(1);
    try (Machine own = new Machine(other)) {
      Thread build =
          Threads.start(
              "build",
              () -> {
                try (BuildClient client = own.client()) {
                  client.solve(
                      Optional.of(sh(Machine.base(), "echo on; sleep 1000").marshal()),
                      own.options(),
                      status -> {
                        if (!status.logs().isEmpty()) {
                          running.countDown();
                        }
                      });
                } catch (Exception e) {
                  // stopped
                }
              });
      assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
      List<ProcessHandle> steps = own.process().descendants().toList();
      assertThat(steps).isNotEmpty();
      assertThat(own.stop()).isZero();
      build.join();
      assertThat(own.mounts()).isEmpty();
      assertThat(steps).noneMatch(ProcessHandle::isAlive);
    }
  }

  // --- two clients, cancelling ---

  @Test
  void twoClientsRunEachStepOnceAndCancellingOneLeavesTheOther(@TempDir Path out) throws Exception {
    State state = sh(Machine.base(), "sleep 2; echo done > /f; echo once-only");
    AtomicInteger runs = new AtomicInteger();
    CountDownLatch begun = new CountDownLatch(2);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    List<Thread> builds = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      boolean first = i == 0;
      builds.add(
          Threads.start(
              "client " + i,
              () -> {
                Set<String> seen = new HashSet<>();
                try (BuildClient client = machine.client()) {
                  client.solve(
                      Optional.of(state.marshal()),
                      machine
                          .options()
                          .withExports(SolveOptions.Export.local(out.resolve(first ? "a" : "b"))),
                      status -> {
                        for (SolveStatus.Vertex vertex : status.vertexes()) {
                          if (vertex.name().contains("once-only")
                              && vertex.started().isPresent()
                              && seen.add("started")) {
                            begun.countDown();
                          }
                        }
                        for (SolveStatus.Log log : status.logs()) {
                          if (log.data().toStringUtf8().contains("once-only")) {
                            runs.incrementAndGet();
                          }
                        }
                      });
                } catch (InterruptedException e) {
                  // the first is cancelled
                } catch (Exception | Error e) {
                  if (!first) {
                    failure.set(e);
                  }
                }
              }));
    }
    assertThat(begun.await(20, TimeUnit.SECONDS)).as("both see the step start").isTrue();
    builds.getFirst().interrupt();
    for (Thread build : builds) {
      build.join();
    }
    assertThat(failure).hasNullValue();
    assertThat(out.resolve("b/f")).hasContent("done");
    assertThat(runs).as("its output, told to the one that stayed").hasValue(1);
  }

  @Test
  @Timeout(600)
  void cancelledBuildsEndWithinASecondAndLeaveNothing() throws Exception {
    round(0); // so that what is made once is there
    String before = countsOnceForgotten();
    long slowest = 0;
    for (int i = 1; i <= ROUNDS; i++) {
      slowest = Math.max(slowest, round(i));
    }
    String after = countsOnceForgotten();
    for (int tries = 0; tries < 20 && !before.equals(after); tries++) {
      after = counts(); // threads end a moment later than what they worked for
    }
    System.out.println(
        ROUNDS
            + " rounds, before: "
            + before
            + "; after: "
            + after
            + "; slowest end after "
            + TimeUnit.NANOSECONDS.toMillis(slowest)
            + " ms");
    assertThat(after).isEqualTo(before);
  }

  @Test
  void theLogOfACancelledBuildIsKept() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    try (BuildClient client = machine.client()) {
      Thread build =
          Threads.start(
              "build",
              () -> {
                try {
                  client.solve(
                      Optional.of(sh(Machine.base(), "echo said; sleep 1000").marshal()),
                      machine.options().withRef("to-be-cancelled"),
                      status -> {
                        if (!status.logs().isEmpty()) {
                          running.countDown();
                        }
                      });
                } catch (Exception e) {
                  // cancelled
                }
              });
      assertThat(running.await(20, TimeUnit.SECONDS)).isTrue();
      build.interrupt();
      build.join();
      List<BuildHistoryEvent> events = new ArrayList<>();
      BuildHistoryRequest request =
          BuildHistoryRequest.newBuilder().setRef("to-be-cancelled").setEarlyExit(true).build();
      long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      do {
        assertThat(System.nanoTime()).as("until it is recorded").isLessThan(patience);
        events.clear();
        client.history(request, events::add);
      } while (events.isEmpty() || !events.getFirst().getRecord().hasCompletedAt());
      assertThat(events.getFirst().getRecord().hasLogs()).isTrue();
      StringBuilder log = new StringBuilder();
      client.status(
          "to-be-cancelled",
          status -> status.logs().forEach(line -> log.append(line.data().toStringUtf8())));
      assertThat(log.toString()).isEqualTo("said\n");
    }
  }

  /** Counted once the daemon has forgotten all jobs, some seconds after they end. */
  private static String countsOnceForgotten() throws Exception {
    machine.threads(); // the JVM that is asked keeps a thread and a socket for it
    long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (Json.number(machine.figures(), "jobs") > 0) {
      assertThat(System.nanoTime()).as("until jobs are forgotten").isLessThan(patience);
      Thread.sleep(50);
    }
    return counts();
  }

  private static String counts() throws Exception {
    long descriptors = machine.descriptors(); // before those that asking for the others takes
    Machine.ThreadCounts threads = machine.threads();
    Map<String, Object> figures = machine.figures();
    assertThat(figures).containsKeys("leases", "sessions", "jobs", "vertices");
    return "mounts "
        + machine.mounts().size()
        + ", processes "
        + machine.children()
        + ", leases "
        + Json.number(figures, "leases")
        + ", sessions "
        + Json.number(figures, "sessions")
        + ", jobs "
        + Json.number(figures, "jobs")
        + ", vertices "
        + Json.number(figures, "vertices")
        + ", threads "
        + threads.platform()
        + " and "
        + threads.virtual()
        + " virtual, pools "
        + threads.pools()
        + ", descriptors "
        + descriptors;
  }

  /**
   * Two clients want the same endless step; both go away.
   *
   * @return nanoseconds from the second's going until the container is gone
   */
  private static long round(int number) throws Exception {
    State state = sh(Machine.base().addEnv("ROUND", "" + number), "echo on; sleep 1000");
    CountDownLatch running = new CountDownLatch(2);
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      clients.add(
          Threads.start(
              "client",
              () -> {
                Set<String> told = new HashSet<>();
                try (BuildClient client = machine.client()) {
                  client.solve(
                      Optional.of(state.marshal()),
                      machine.options(),
                      status -> {
                        if (!status.logs().isEmpty() && told.add("on")) {
                          running.countDown();
                        }
                      });
                } catch (Exception e) {
                  // cancelled
                }
              }));
    }
    assertThat(running.await(30, TimeUnit.SECONDS)).as("the step runs").isTrue();
    assertThat(Json.number(machine.figures(), "leases")).as("held while it runs").isPositive();
    assertThat(Json.number(machine.figures(), "sessions")).isGreaterThanOrEqualTo(2);
    clients.getFirst().interrupt();
    clients.getFirst().join();
    long from = System.nanoTime();
    clients.getLast().interrupt();
    clients.getLast().join();
    long second = TimeUnit.SECONDS.toNanos(1);
    while (machine.children() > 0 && System.nanoTime() - from < second) {
      Thread.sleep(5);
    }
    long taken = System.nanoTime() - from;
    assertThat(taken).as("nanoseconds until the container is gone").isLessThan(second);
    return taken;
  }

  // --- malformed input ---

  /** Sent as they are: a client of ours would refuse most of them itself. */
  private static void assertRefused(BuildClient client, Definition definition, int number) {
    SolveRequest request =
        SolveRequest.newBuilder().setRef("malformed" + number).setDefinition(definition).build();
    assertThatThrownBy(() ->
            ControlGrpc.newBlockingStub(client.channel())
                .withDeadlineAfter(20, TimeUnit.SECONDS)
                .solve(request))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode())
                  .as("%s", e)
                  .isNotIn(Status.Code.INTERNAL, Status.Code.DEADLINE_EXCEEDED);
              assertThat(e.getStatus().getDescription()).isNotBlank();
            });
  }

  @Test
  void flippedAndTruncatedDefinitionsAreRefused() throws Exception {
    Definition message = sh(Machine.base(), "true").marshal().toProto();
    Random random = new Random(42);
    try (BuildClient client = machine.client()) {
      for (int i = 0; i < 60; i++) {
        int which = random.nextInt(message.getDefCount());
        byte[] bytes = message.getDef(which).toByteArray();
        if (i % 2 == 0) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        } else {
          bytes = Arrays.copyOf(bytes, bytes.length / 2);
        }
        // whatever the bytes now mean, their digest is no longer what others refer to
        assertRefused(
            client, message.toBuilder().setDef(which, ByteString.copyFrom(bytes)).build(), i);
      }
      assertThat(client.workers(List.of())).hasSize(1);
    }
  }

  private static Definition definition(Op op) {
    ByteString bytes = op.toByteString();
    Op terminal =
        Op.newBuilder()
            .addInputs(Input.newBuilder().setDigest(Digest.of(bytes.toByteArray()).toString()))
            .build();
    return Definition.newBuilder().addDef(bytes).addDef(terminal.toByteString()).build();
  }

  @Test
  void nonsenseIsRefusedWithAReason() throws Exception {
    ExecOp.Builder exec =
        ExecOp.newBuilder()
            .setMeta(Meta.newBuilder().addArgs("true").setCwd("/"))
            .addMounts(Mount.newBuilder().setDest("/").setInput(-1));
    Input missing = Input.newBuilder().setDigest("sha256:" + "0".repeat(64)).build();
    List<Op> all =
        List.of(
            Op.getDefaultInstance(),
            Op.newBuilder().setExec(ExecOp.getDefaultInstance()).build(),
            Op.newBuilder().addInputs(missing).setExec(exec).build(),
            Op.newBuilder().addInputs(missing.toBuilder().setIndex(-1)).setExec(exec).build(),
            Op.newBuilder()
                .addInputs(missing.toBuilder().setIndex(Long.MAX_VALUE))
                .setExec(exec)
                .build(),
            Op.newBuilder()
                .setExec(exec.clone().addMounts(Mount.newBuilder().setDest("/x").setInput(7)))
                .build(),
            Op.newBuilder()
                .setExec(
                    exec.clone()
                        .addMounts(
                            Mount.newBuilder().setDest("/x").setInput(-1).setMountTypeValue(99)))
                .build(),
            Op.newBuilder().setExec(exec.clone().setSecurityValue(2)).build(),
            Op.newBuilder().setExec(exec.clone().setNetworkValue(-5)).build(),
            Op.newBuilder().setSource(SourceOp.newBuilder().setIdentifier("nothing")).build(),
            Op.newBuilder().setSource(SourceOp.newBuilder().setIdentifier("x://y")).build(),
            Op.newBuilder().setFile(FileOp.getDefaultInstance()).build(),
            Op.newBuilder()
                .setFile(
                    FileOp.newBuilder()
                        .addActions(
                            FileAction.newBuilder()
                                .setInput(0) // itself
                                .setSecondaryInput(-1)
                                .setMkdir(FileActionMkDir.newBuilder().setPath("/a"))))
                .build(),
            Op.newBuilder()
                .setMerge(MergeOp.newBuilder().addInputs(MergeInput.newBuilder().setInput(3)))
                .build(),
            Op.newBuilder().setDiff(DiffOp.getDefaultInstance()).build());
    try (BuildClient client = machine.client()) {
      for (int i = 0; i < all.size(); i++) {
        assertRefused(client, definition(all.get(i)), 1000 + i);
      }
      assertRefused(client, Definition.newBuilder().addDef(ByteString.EMPTY).build(), 2000);
      assertThat(client.workers(List.of())).hasSize(1);
    }
  }

  @Test
  void pathsDoNotLeaveTheTree(@TempDir Path out) throws Exception {
    Path victim = directory.resolve("victim");
    Files.writeString(victim, "untouched");
    try (BuildClient client = machine.client()) {
      State tricks =
          Llb.scratch()
              .file(
                  Llb.symlink("/../../../.." + directory, "/out")
                      .mkdir("/d", 0755)
                      .symlink("../../../../../.." + directory, "/d/up"));
      State state =
          tricks
              .file(Llb.mkfile("/../../x", 0644, "inside"))
              .file(Llb.rm("/out/victim", true, false))
              .file(Llb.rm("/d/up/victim", true, false));
      machine.build(client, state, out);
      assertThat(out.resolve("x")).hasContent("inside");
      for (String above : List.of("..", "/..", "d/../../..", "/d/up/..")) {
        try {
          machine.build(client, tricks.file(Llb.rm(above, true, false)), out);
        } catch (BuildException e) {
          assertThat(e.category()).as(above + ": " + e).isNotEqualTo(Category.INTERNAL);
        }
      }
      machine.build(client, tricks.file(Llb.mkfile("/y", 0644, "still there")), out);
    }
    assertThat(out.resolve("y")).hasContent("still there");
    assertThat(victim).hasContent("untouched");
  }
}
