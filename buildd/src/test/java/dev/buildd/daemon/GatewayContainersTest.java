package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.Category;
import dev.buildd.base.io.BytePipe;
import dev.buildd.client.BuildClient;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.ContainerRequest.Content;
import dev.buildd.gateway.ContainerRequest.Mount;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.GatewayProcess;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.gateway.ProcessRequest.SecretVariable;
import dev.buildd.gateway.ProcessRequest.Streams;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.gateway.ExecMessage;
import dev.buildd.proto.gateway.ExecMessage.InputCase;
import dev.buildd.proto.gateway.ExitMessage;
import dev.buildd.proto.gateway.InitMessage;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.NewContainerRequest;
import dev.buildd.proto.pb.Meta;
import dev.buildd.proto.pb.Op;
import dev.buildd.session.filesync.source.FileStat;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Containers of frontends, which are the same in the daemon and over a connection. */
@Tag("root")
@Timeout(120)
final class GatewayContainersTest {
  private static final String PROBE = "probe.v0";
  private static final AtomicReference<Frontend> probe = new AtomicReference<>();

  @TempDir static Path directory;
  private static OwnDaemon daemon;

  @BeforeAll
  static void start() throws Exception {
    daemon =
        new OwnDaemon(
            directory,
            new Daemon.Extensions(
                Map.of(PROBE, gateway -> Objects.requireNonNull(probe.get()).build(gateway)),
                List.of()));
  }

  @AfterAll
  static void stop() {
    daemon.close();
  }

  /** Only the cache's mounts stay, and no process. */
  @AfterEach
  void nothingIsLeft() throws IOException {
    try (Stream<Path> left = Files.list(directory.resolve("root/executor"))) {
      assertThat(left.map(path -> path.getFileName().toString()).filter(n -> n.length() == 25))
          .isEmpty();
    }
    assertThat(directory.resolve("root/scratch")).isEmptyDirectory();
  }

  /** Where a frontend runs. */
  enum Place {
    IN_THE_DAEMON,
    IN_THE_CLIENT;

    void run(Work work) throws Exception {
      AtomicReference<Throwable> wrong = new AtomicReference<>();
      Frontend frontend =
          gateway -> {
            try {
              work.with(gateway);
            } catch (AssertionError e) {
              wrong.set(e); // told as it is, not as the daemon tells of failures
            }
            return Result.empty();
          };
      try (BuildClient client = daemon.client()) {
        if (this == IN_THE_CLIENT) {
          client.build(frontend, daemon.options(), status -> {});
        } else {
          probe.set(frontend);
          client.solve(
              Optional.empty(), daemon.options().withFrontend(PROBE, Map.of()), status -> {});
        }
      }
      if (wrong.get() instanceof AssertionError e) {
        throw e;
      }
    }
  }

  /** What a frontend does. */
  @FunctionalInterface
  interface Work {
    void with(GatewayClient gateway) throws Exception;
  }

  private static Reference solved(GatewayClient gateway, State state) throws Exception {
    return gateway.solve(GatewayClient.Request.of(state.marshal())).single().orElseThrow();
  }

  private static GatewayContainer container(GatewayClient gateway, Mount... more) throws Exception {
    Mount[] mounts = new Mount[more.length + 1];
    mounts[0] = Mount.of("/", solved(gateway, Machine.base()));
    System.arraycopy(more, 0, mounts, 1, more.length);
    return gateway.newContainer(ContainerRequest.of(mounts));
  }

  private static ProcessRequest shell(ByteArrayOutputStream out, String script) {
    return ProcessRequest.of(out, "/bin/sh", "-c", script);
  }

  /** What a process says, and how it ends. */
  private static String run(GatewayContainer container, String script) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int code = container.start(shell(out, script)).await();
    return out.toString(UTF_8) + code;
  }

  private static GatewayProcess idle(GatewayContainer container) throws Exception {
    return container.start(shell(new ByteArrayOutputStream(), "sleep 978"));
  }

  private static void await(ByteArrayOutputStream out, String wanted) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!out.toString(UTF_8).contains(wanted)) {
      assertThat(System.nanoTime()).as("\"%s\" comes, after %s", wanted, out).isLessThan(deadline);
      Thread.sleep(5);
    }
  }

  @ParameterizedTest
  @EnumSource
  void processesShareTheContainersFiles(Place place) throws Exception {
    place.run(gateway -> {
      Reference base = solved(gateway, Machine.base());
      try (GatewayContainer container =
          gateway.newContainer(ContainerRequest.of(Mount.of("/", base)))) {
        GatewayProcess first = idle(container);
        assertThat(run(container, "echo $PATH > /made; echo $TERM; exit 4")).isEqualTo("\n4");
        assertThat(run(container, "cat /made"))
            .isEqualTo("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n0");
        first.signal("KILL");
        assertThat(first.await()).isEqualTo(137);
      }
      // what the container wrote is its own
      assertThat(base.readDir("/", "made")).isEmpty();
    });
  }

  @ParameterizedTest
  @EnumSource
  void programsAreLookedForWhereTheContainersPlatformHasThem(Place place) throws Exception {
    place.run(gateway -> {
      ContainerRequest plain = ContainerRequest.of(Mount.of("/", solved(gateway, Machine.base())));
      ContainerRequest windows =
          new ContainerRequest(
              plain.mounts(),
              plain.network(),
              Optional.of(Platform.of("windows", "amd64")),
              List.of(),
              "");
      try (GatewayContainer container = gateway.newContainer(windows)) {
        assertThat(run(container, "printf '%s ' \"$PATH\""))
            .isEqualTo(
                "c:\\Windows\\System32;c:\\Windows;"
                    + "C:\\Windows\\System32\\WindowsPowerShell\\v1.0 0");
      }
    });
  }

  @Test
  void aProcessThatCannotBeFailsAloneOnceItHasStarted() throws Exception {
    BlockingQueue<ExecMessage> told = new LinkedBlockingQueue<>();
    List<ExecMessage> first = new ArrayList<>();
    List<ExecMessage> second = new ArrayList<>();
    try (BuildClient client = daemon.client()) {
      Frontend frontend =
          gateway -> {
            Metadata headers = new Metadata();
            headers.put(
                Metadata.Key.of("buildkit-controlapi-buildid", Metadata.ASCII_STRING_MARSHALLER),
                "unknown-mode");
            Channel channel =
                ClientInterceptors.intercept(
                    client.channel(), MetadataUtils.newAttachHeadersInterceptor(headers));
            LLBBridgeGrpc.newBlockingStub(channel)
                .newContainer(
                    NewContainerRequest.newBuilder()
                        .setContainerID("c")
                        .addMounts(
                            dev.buildd.proto.pb.Mount.newBuilder()
                                .setDest("/")
                                .setResultID(solved(gateway, Machine.base()).id()))
                        .build());
            StreamObserver<ExecMessage> stream =
                LLBBridgeGrpc.newStub(channel)
                    .execProcess(
                        new StreamObserver<>() {
                          @Override
                          public void onNext(ExecMessage message) {
                            told.add(message);
                          }

                          @Override
                          public void onError(Throwable failure) {}

                          @Override
                          public void onCompleted() {}
                        });
            InitMessage process =
                InitMessage.newBuilder()
                    .setContainerID("c")
                    .setMeta(Meta.newBuilder().addArgs("/bin/sh").addArgs("-c").addArgs("true"))
                    .build();
            stream.onNext(
                ExecMessage.newBuilder()
                    .setProcessID("first")
                    .setInit(process.toBuilder().setSecurityValue(7))
                    .build());
            take(told, first);
            stream.onNext(ExecMessage.newBuilder().setProcessID("second").setInit(process).build());
            take(told, second);
            stream.onCompleted();
            return Result.empty();
          };
      client.build(frontend, daemon.options().withRef("unknown-mode"), status -> {});
    }
    assertThat(first)
        .extracting(ExecMessage::getInputCase)
        .containsExactly(InputCase.STARTED, InputCase.EXIT, InputCase.DONE);
    assertThat(first.get(1).getExit().getError().getMessage()).isEqualTo("invalid security mode 7");
    assertThat(second)
        .extracting(ExecMessage::getInputCase)
        .containsExactly(InputCase.STARTED, InputCase.EXIT, InputCase.DONE);
    assertThat(second.get(1).getExit()).isEqualTo(ExitMessage.getDefaultInstance());
  }

  /** Takes what is told of one process; nothing more once it keeps silent. */
  private static void take(BlockingQueue<ExecMessage> told, List<ExecMessage> out)
      throws InterruptedException {
    ExecMessage message;
    do {
      message = told.poll(20, TimeUnit.SECONDS);
      if (message == null) {
        return;
      }
      out.add(message);
    } while (!message.hasDone());
  }

  @ParameterizedTest
  @EnumSource
  void withTheFirstProcessTheOthersEnd(Place place) throws Exception {
    place.run(gateway -> {
      try (GatewayContainer container = container(gateway)) {
        BytePipe input = new BytePipe(100);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        GatewayProcess first =
            container.start(
                shell(out, "read line; echo got $line; exit 3")
                    .withStreams(new Streams(input.input(), out, out, false)));
        ByteArrayOutputStream ready = new ByteArrayOutputStream();
        GatewayProcess second = container.start(shell(ready, "echo up; sleep 978"));
        await(ready, "up");
        input.output().write("word\n".getBytes(UTF_8));
        assertThat(first.await()).isEqualTo(3);
        assertThat(out.toString(UTF_8)).isEqualTo("got word\n");
        assertThat(second.await()).isEqualTo(137);
        assertThatThrownBy(() -> run(container, "true"))
            .isInstanceOf(SolveException.class)
            .hasMessageContaining("is not running");
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void muchInputIsReadToItsEnd(Place place) throws Exception {
    place.run(gateway -> {
      try (GatewayContainer container = container(gateway)) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        GatewayProcess process =
            container.start(
                shell(out, "cat; echo end")
                    .withStreams(
                        new Streams(
                            new ByteArrayInputStream(new byte[3_000_000]), out, out, false)));
        assertThat(process.await()).isZero();
        assertThat(out.size()).isEqualTo(3_000_004);
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void aTerminalIsATerminal(Place place) throws Exception {
    place.run(gateway -> {
      try (GatewayContainer container = container(gateway)) {
        BytePipe input = new BytePipe(100);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        GatewayProcess process =
            container.start(
                shell(
                        out,
                        "test -t 0 && test -t 1 && echo $TERM;"
                            + " trap 'busybox stty size' WINCH; echo up;"
                            + " while ! read l; do :; done; exit 6")
                    .withStreams(new Streams(input.input(), out, out, true)));
        await(out, "xterm\nup\n");
        process.resize(40, 90);
        await(out, "40 90\n");
        input.output().write("go\r".getBytes(UTF_8));
        assertThat(process.await()).isEqualTo(6);
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void signalsAreSentByName(Place place) throws Exception {
    place.run(gateway -> {
      try (GatewayContainer container = container(gateway)) {
        idle(container);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        GatewayProcess process =
            container.start(
                shell(out, "trap 'exit 11' USR1; echo up; while true; do sleep 0.1; done"));
        await(out, "up");
        process.signal("USR1");
        assertThat(process.await()).isEqualTo(11);
        GatewayProcess other = container.start(shell(out, "sleep 5"));
        assertThatThrownBy(
                () -> {
                  other.signal("SIGUSR1");
                  other.await();
                })
            .hasMessageContaining("Unknown signal SIGUSR1");
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void closingEndsWhatRuns(Place place) throws Exception {
    place.run(gateway -> {
      GatewayContainer container = container(gateway);
      GatewayProcess first = idle(container);
      GatewayProcess second = idle(container);
      container.close();
      for (GatewayProcess process : List.of(first, second)) {
        assertThatThrownBy(process::await)
            .isInstanceOfSatisfying(
                SolveException.class, e -> assertThat(e.category()).isEqualTo(Category.CANCELED))
            .hasMessageStartingWith("context canceled: exit code: ");
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void theBuildsEndClosesWhatIsLeft(Place place) throws Exception {
    place.run(gateway -> idle(container(gateway)));
  }

  @ParameterizedTest
  @EnumSource
  void whatWasNotGrantedIsRefused(Place place) throws Exception {
    place.run(gateway -> {
      try (GatewayContainer container = container(gateway)) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ProcessRequest insecure =
            shell(out, "echo never").withSecurity(ProcessRequest.Security.INSECURE);
        assertThatThrownBy(() -> container.start(insecure).await())
            .hasMessage("security.insecure is not allowed");
        idle(container);
        assertThatThrownBy(() -> container.start(insecure).await())
            .as("of a process that joins, too")
            .hasMessage("security.insecure is not allowed");
        assertThat(out.size()).isZero();
      }
      ContainerRequest host =
          ContainerRequest.of(Mount.of("/", solved(gateway, Machine.base())))
              .withNetwork(ContainerRequest.Network.HOST);
      try (GatewayContainer container = gateway.newContainer(host)) {
        assertThatThrownBy(() -> run(container, "echo never"))
            .hasMessage("network.host is not allowed");
      }
    });
  }

  private static String words(FileStat stat) {
    return stat.path()
        + " "
        + Integer.toOctalString(stat.mode())
        + " "
        + stat.size()
        + (stat.linkName().isEmpty() ? "" : " -> " + stat.linkName());
  }

  @ParameterizedTest
  @EnumSource
  void filesAreSeenWhileProcessesRun(Place place) throws Exception {
    place.run(gateway -> {
      State data =
          Llb.scratch()
              .file(
                  Llb.mkdir("/d", 0750)
                      .mkfile("/d/one", 0640, "content")
                      .symlink("one", "/d/link")
                      .symlink("/etc/passwd", "/d/out")
                      .symlink("../../bin", "/d/up"));
      try (GatewayContainer container =
          container(
              gateway,
              new Mount("/data", new Content.Files(solved(gateway, data).id()), "/d", false),
              new Mount("/memory", new Content.Memory(), "", false))) {
        assertThat(container.readFile(1, "/d/one")).asString(UTF_8).isEqualTo("content");
        idle(container);
        assertThat(run(container, "cat /data/one; echo x > /data/made; echo y > /f"))
            .isEqualTo("content0");
        assertThat(container.readFile(1, "/d/made")).asString(UTF_8).isEqualTo("x\n");
        assertThat(container.readFile(0, "/f")).asString(UTF_8).isEqualTo("y\n");
        assertThat(container.readFile(1, "/d/link")).asString(UTF_8).isEqualTo("content");
        assertThat(container.readDir(1, "/d").stream().map(GatewayContainersTest::words))
            .containsExactly(
                "link 1000000777 3 -> one",
                "made 644 2",
                "one 640 7",
                "out 1000000777 11 -> /etc/passwd",
                "up 1000000777 9 -> ../../bin");
        assertThat(words(container.statFile(1, "/d/link"))).isEqualTo("link 640 7");
        assertThat(words(container.statFile(1, "/d/out")))
            .isEqualTo("out 1000000777 11 -> /etc/passwd");
        assertThatThrownBy(() -> container.readFile(1, "/d/out"))
            .hasMessage("openat d/out: path escapes from parent");
        assertThatThrownBy(() -> container.readDir(1, "/d/up"))
            .hasMessage("openat d/up: path escapes from parent");
        assertThatThrownBy(() -> container.readFile(1, "/none"))
            .hasMessage("openat none: no such file or directory");
        assertThatThrownBy(() -> container.readFile(1, "d/one"))
            .hasMessage("can't make d/one relative to /");
        assertThatThrownBy(() -> container.readFile(2, "/x")).hasMessage("mountable 2 not found");
        assertThatThrownBy(() -> container.readFile(3, "/x"))
            .hasMessage("mount index 3 is out of bounds (3 available)");
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void whatMakesNoSenseIsRefused(Place place) throws Exception {
    place.run(gateway -> {
      Mount root = Mount.of("/", solved(gateway, Machine.base()));
      assertThatThrownBy(() -> gateway.newContainer(ContainerRequest.of()))
          .hasMessageContaining("no rootfs");
      assertThatThrownBy(() ->
              gateway.newContainer(
                  ContainerRequest.of(new Mount("/", new Content.Memory(), "", false))))
          .hasMessage("invalid mount type TMPFS for /");
      assertThatThrownBy(() ->
              gateway.newContainer(
                  ContainerRequest.of(
                      root, new Mount("/x", new Content.Files("unknown"), "", false))))
          .hasMessage(
              "failed to find ref unknown for \"/x\" mount: return reference unknown not found");
      assertThatThrownBy(() ->
              gateway.newContainer(
                  new ContainerRequest(
                      List.of(root),
                      ContainerRequest.Network.NONE,
                      Optional.empty(),
                      List.of(new ContainerRequest.ExtraHost("h", "not-an-ip")),
                      "")))
          .hasMessage("failed to parse IP not-an-ip");
      try (GatewayContainer container = gateway.newContainer(ContainerRequest.of(root))) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThatThrownBy(() ->
                container.start(
                    shell(out, "true")
                        .withEnv(List.of(), List.of(new SecretVariable("S", "none", false)))))
            .hasMessageContaining("secret none: not found");
        GatewayProcess optional =
            container.start(
                shell(out, "echo -$S-")
                    .withEnv(List.of("S=x"), List.of(new SecretVariable("S", "none", true))));
        assertThat(optional.await()).isZero();
        assertThat(out.toString(UTF_8)).isEqualTo("--\n");
      }
    });
  }

  /** K12: what a failed step had can be looked into, in a container. */
  @ParameterizedTest
  @EnumSource
  void aFailedStepCanBeLookedInto(Place place) throws Exception {
    State failing =
        Machine.base()
            .run(
                Llb.args(
                    "/bin/sh",
                    "-c",
                    "echo root > /left; echo mount > /rw/left; echo " + place + "; exit 7"),
                Llb.addMount("/rw", Llb.scratch().file(Llb.mkfile("/given", 0644, "given"))))
            .root();
    place.run(gateway -> {
      SolveException failure =
          org.junit.jupiter.api.Assertions.assertThrows(
              SolveException.class, () -> solved(gateway, failing).evaluate());
      assertThat(failure.exitCode()).hasValue(7);
      SolveException.FailedStep step = failure.failedStep().orElseThrow();
      assertThat(Op.parseFrom(step.op()).getExec().getMountsList())
          .extracting(dev.buildd.proto.pb.Mount::getDest)
          .containsExactly("/", "/rw");
      assertThat(step.inputIds()).hasSize(2).doesNotContain("");
      assertThat(step.mountIds()).hasSize(2).doesNotContain("");
      assertThat(step.subject()).isEqualTo(new SolveException.Subject.Whole());
      ContainerRequest request =
          ContainerRequest.of(
              new Mount("/", new Content.Files(step.mountIds().get(0)), "", false),
              new Mount("/rw", new Content.Files(step.mountIds().get(1)), "", false),
              new Mount("/before", new Content.Files(step.inputIds().get(1)), "", true));
      for (int i = 0; i < 2; i++) {
        try (GatewayContainer container = gateway.newContainer(request)) {
          assertThat(run(container, "cat /left /rw/left /rw/given; ls /before"))
              .isEqualTo("root\nmount\ngivengiven\n0");
        }
      }
    });
  }

  private static SolveException.FailedStep failedStep(GatewayClient gateway, State state) {
    return org.junit.jupiter.api.Assertions.assertThrows(
            SolveException.class, () -> solved(gateway, state).evaluate())
        .failedStep()
        .orElseThrow();
  }

  private static Mount at(String destination, String id) {
    return new Mount(destination, new Content.Files(id), "", false);
  }

  @ParameterizedTest
  @EnumSource
  void aFailedFileActionCanBeLookedInto(Place place) throws Exception {
    place.run(gateway -> {
      SolveException.FailedStep made =
          failedStep(
              gateway,
              Llb.scratch()
                  .file(
                      Llb.mkdir("/found", 0700)
                          .mkfile("/found/" + place, 0600, "one")
                          .mkfile("/notfound/foo", 0600, "two")));
      assertThat(made.subject()).isEqualTo(new SolveException.Subject.FileAction(2));
      assertThat(made.inputIds()).isEmpty();
      assertThat(made.mountIds()).hasSize(3).startsWith("", "");
      SolveException.FailedStep copied =
          failedStep(
              gateway,
              Machine.base()
                  .file(
                      Llb.copy(
                          Llb.scratch().file(Llb.mkfile("/" + place, 0600, "three")),
                          "/" + place,
                          "/notfound/baz")));
      assertThat(copied.subject()).isEqualTo(new SolveException.Subject.FileAction(0));
      assertThat(copied.inputIds()).hasSize(2).doesNotContain("");
      assertThat(copied.mountIds()).hasSize(1).doesNotContain("");
      try (GatewayContainer container =
          container(
              gateway, at("/a", made.mountIds().get(2)), at("/b", copied.inputIds().get(1)))) {
        assertThat(run(container, "cat /a/found/* /b/*")).isEqualTo("onethree0");
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void anInputThatLacksWhatIsUsedCanBeLookedInto(Place place) throws Exception {
    State input = Llb.scratch().file(Llb.mkfile("/" + place, 0600, "data"));
    State step =
        Machine.base()
            .run(
                Llb.args("/bin/sh", "-c", "true"),
                Llb.addMount("/src", input, Llb.sourcePath("/notfound"), Llb.readonly()))
            .root();
    place.run(gateway -> {
      SolveException.FailedStep failed = failedStep(gateway, step);
      assertThat(failed.subject()).isEqualTo(new SolveException.Subject.InputContent(1));
      assertThat(failed.mountIds()).isEmpty();
      assertThat(failed.inputIds()).hasSize(1);
      try (GatewayContainer container =
          container(gateway, at("/problem", failed.inputIds().get(0)))) {
        assertThat(run(container, "cat /problem/*")).isEqualTo("data0");
      }
    });
  }

  @ParameterizedTest
  @EnumSource
  void aCancelledBuildEndsItsContainers(Place place) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Thread build =
        Threads.start(
            "build",
            () -> {
              try {
                place.run(gateway -> {
                  GatewayContainer container = container(gateway);
                  container.start(shell(out, "echo up; sleep 977")).await();
                });
              } catch (Exception e) {
                // cancelled
              }
            });
    await(out, "up");
    build.interrupt();
    build.join();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (directory.resolve("root/scratch").toFile().list().length > 0 || isRunning("977")) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  private static boolean isRunning(String argument) {
    return ProcessHandle.current()
        .descendants()
        .anyMatch(process -> process.info().commandLine().orElse("").contains(argument));
  }
}
