package dev.buildd.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.InfoResponse;
import dev.buildd.proto.control.ListWorkersResponse;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.control.SolveResponse;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.Vertex;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.PongResponse;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.Result;
import dev.buildd.proto.gateway.ReturnRequest;
import dev.buildd.proto.gateway.ReturnResponse;
import dev.buildd.proto.types.BuildkitVersion;
import dev.buildd.proto.types.WorkerRecord;
import dev.buildd.session.Session;
import dev.buildd.session.SessionManager;
import dev.buildd.session.filesync.FileSend;
import dev.buildd.session.filesync.FileSync;
import dev.buildd.session.filesync.source.DirectorySource;
import dev.buildd.session.filesync.source.FileSyncRequest;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import dev.buildd.session.rpc.EventLoops;
import dev.buildd.session.rpc.Handlers;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BuildClientTest {
  /** What the daemon does when asked to build. */
  private interface Solver {
    SolveResponse solve(SolveRequest request) throws Exception;
  }

  @TempDir Path temp;
  private final EventLoopGroup loops = EventLoops.create("test-daemon", 1);
  private final SessionManager sessions = new SessionManager(loops);
  private final BlockingQueue<ReturnRequest> returned = new LinkedBlockingQueue<>();
  private final List<String> builds = Collections.synchronizedList(new ArrayList<>());
  private final CountDownLatch cancelled = new CountDownLatch(1);
  private Solver solver = request -> SolveResponse.getDefaultInstance();
  private Optional<Server> server = Optional.empty();

  @BeforeEach
  void startDaemon() throws Exception {
    server =
        Optional.of(
            NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(temp.resolve("sock")))
                .channelType(NioServerDomainSocketChannel.class)
                .bossEventLoopGroup(loops)
                .workerEventLoopGroup(loops)
                .directExecutor()
                .addService(control())
                .addService(bridge())
                .build()
                .start());
  }

  @AfterEach
  void stopDaemon() {
    sessions.close();
    server.ifPresent(Server::shutdownNow);
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private ServerServiceDefinition control() {
    return ServerServiceDefinition.builder(ControlGrpc.SERVICE_NAME)
        .addMethod(ControlGrpc.getSessionMethod(), sessions.handler())
        .addMethod(
            ControlGrpc.getSolveMethod(),
            Handlers.unary((request, headers) -> {
              try {
                return solver.solve(request);
              } catch (InterruptedException e) {
                cancelled.countDown();
                throw e;
              }
            }))
        .addMethod(
            ControlGrpc.getStatusMethod(),
            Handlers.streaming((stream, headers) -> {
              stream.read();
              stream.write(
                  StatusResponse.newBuilder()
                      .addVertexes(Vertex.newBuilder().setDigest("sha256:a").setName("step"))
                      .build());
            }))
        .addMethod(
            ControlGrpc.getListWorkersMethod(),
            Handlers.unary((request, headers) ->
                ListWorkersResponse.newBuilder()
                    .addRecord(WorkerRecord.newBuilder().setID("w").putLabels("k", "v"))
                    .build()))
        .addMethod(
            ControlGrpc.getInfoMethod(),
            Handlers.unary((request, headers) ->
                InfoResponse.newBuilder()
                    .setBuildkitVersion(BuildkitVersion.newBuilder().setVersion("v1"))
                    .build()))
        .addMethod(
            ControlGrpc.getDiskUsageMethod(),
            Handlers.unary((q, h) -> {
              throw BuildException.notFound("nothing here");
            }))
        .addMethod(ControlGrpc.getPruneMethod(), Handlers.streaming((s, h) -> s.read()))
        .addMethod(
            ControlGrpc.getListenBuildHistoryMethod(), Handlers.streaming((s, h) -> s.read()))
        .addMethod(
            ControlGrpc.getUpdateBuildHistoryMethod(),
            Handlers.unary(
                (q, h) -> dev.buildd.proto.control.UpdateBuildHistoryResponse.getDefaultInstance()))
        .build();
  }

  private ServerServiceDefinition bridge() {
    return ServerServiceDefinition.builder(LLBBridgeGrpc.SERVICE_NAME)
        .addMethod(
            LLBBridgeGrpc.getPingMethod(),
            Handlers.unary((request, headers) -> {
              builds.add(
                  String.valueOf(
                      headers.get(
                          io.grpc.Metadata.Key.of(
                              "buildkit-controlapi-buildid",
                              io.grpc.Metadata.ASCII_STRING_MARSHALLER))));
              return PongResponse.getDefaultInstance();
            }))
        .addMethod(
            LLBBridgeGrpc.getSolveMethod(),
            Handlers.unary((request, headers) -> {
              if (request.getFrontend().equals("broken")) {
                throw failure();
              }
              return dev.buildd.proto.gateway.SolveResponse.newBuilder()
                  .setResult(Result.newBuilder().setRef(Ref.newBuilder().setId("ref1")))
                  .build();
            }))
        .addMethod(
            LLBBridgeGrpc.getReturnMethod(),
            Handlers.unary((request, headers) -> {
              returned.add(request);
              return ReturnResponse.getDefaultInstance();
            }))
        .build();
  }

  private static RuntimeException failure() {
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(2)
            .setMessage("exit code: 7")
            .addDetails(detail("errdefs.Vertex+json", "{\"digest\":\"sha256:bad\"}"))
            .addDetails(
                detail(
                    "errdefs.Source+json",
                    "{\"info\":{\"filename\":\"Dockerfile\",\"data\":\"RlJPTQo=\"},\"ranges\":"
                        + "[{\"start\":{\"line\":1},\"end\":{\"line\":1}}]}"))
            .addDetails(detail("gatewayapi.ExitMessage+json", "{\"Code\":7}"))
            .build());
  }

  private static Any detail(String name, String json) {
    return Any.newBuilder()
        .setTypeUrl("github.com/moby/buildkit/" + name)
        .setValue(ByteString.copyFromUtf8(json))
        .build();
  }

  private BuildClient connect() throws Exception {
    return BuildClient.connect(ConnectOptions.of("unix://" + temp.resolve("sock")));
  }

  @Test
  void aBuildFetchesFilesAndSendsItsResult() throws Exception {
    Path source = Files.createDirectory(temp.resolve("src"));
    Files.writeString(source.resolve("f"), "content");
    Path received = Files.createDirectory(temp.resolve("received"));
    Path out = temp.resolve("out");
    BlockingQueue<SolveRequest> requests = new LinkedBlockingQueue<>();
    solver =
        request -> {
          requests.add(request);
          Session session = sessions.await(request.getSession(), Duration.ofSeconds(5));
          FileSync.receive(
              session, FileSyncRequest.all("src"), received, ReceiveOptions.defaults());
          FileSend.sendDirectory(
              session, 0, false, new DirectorySource(received), ReceiveOptions.Progress.none());
          return SolveResponse.newBuilder().putExporterResponse("k", "v").build();
        };
    List<SolveStatus> news = Collections.synchronizedList(new ArrayList<>());
    State state = Llb.scratch().file(Llb.copy(Llb.local("src"), "/", "/"));
    BuildClient.Outcome outcome;
    try (BuildClient client = connect()) {
      outcome =
          client.solve(
              Optional.of(state.marshal()),
              SolveOptions.defaults()
                  .withLocalDir("src", source)
                  .withLocalDir("unused", source)
                  .withExports(SolveOptions.Export.local(out)),
              news::add);
    }
    assertThat(outcome.exporterResponse()).containsEntry("k", "v");
    assertThat(out.resolve("f")).hasContent("content");
    assertThat(news).hasSize(1);
    assertThat(news.getFirst().vertexes().getFirst().name()).isEqualTo("step");
    SolveRequest request = requests.take();
    assertThat(request.getRef()).hasSize(25);
    assertThat(request.getExporterDeprecated()).isEqualTo("local");
    assertThat(request.getExportersList()).hasSize(1);
    assertThat(request.hasDefinition()).isTrue();
    assertThat(sessions.find(request.getSession())).isEmpty();
  }

  @Test
  void directoriesThatAreNotThereAreToldBeforehand() throws Exception {
    State state = Llb.scratch().file(Llb.copy(Llb.local("src"), "/", "/"));
    try (BuildClient client = connect()) {
      assertThatThrownBy(() ->
              client.solve(Optional.of(state.marshal()), SolveOptions.defaults(), status -> {}))
          .hasMessage("local directory src not enabled");
      assertThatThrownBy(() ->
              client.solve(
                  Optional.of(state.marshal()),
                  SolveOptions.defaults().withLocalDir("src", temp.resolve("none")),
                  status -> {}))
          .hasMessageStartingWith("could not find");
      assertThatThrownBy(
              () -> client.solve(Optional.empty(), SolveOptions.defaults(), status -> {}))
          .hasMessage("invalid empty definition");
    }
  }

  @Test
  void aFrontendHereReturnsItsResult() throws Exception {
    solver =
        request -> {
          assertThat(request.hasDefinition()).isFalse();
          ReturnRequest result = returned.take();
          return SolveResponse.newBuilder()
              .putExporterResponse("ref", result.getResult().getRef().getId())
              .build();
        };
    try (BuildClient client = connect()) {
      BuildClient.Outcome outcome =
          client.build(
              gateway ->
                  gateway.solve(
                      GatewayClient.Request.of(
                          Llb.scratch().file(Llb.mkdir("/d", 0755)).marshal())),
              SolveOptions.defaults().withRef("myref"),
              status -> {});
      assertThat(outcome.exporterResponse()).containsEntry("ref", "ref1");
    }
    assertThat(builds).containsExactly("myref");
  }

  @Test
  void aFailureKeepsAllThatTheDaemonTold() throws Exception {
    solver =
        request -> {
          throw StatusProto.toStatusRuntimeException(returned.take().getError());
        };
    try (BuildClient client = connect()) {
      assertThatThrownBy(() ->
              client.build(
                  gateway ->
                      gateway.solve(
                          new GatewayClient.Request(
                              Optional.empty(), "broken", Map.of(), Map.of(), List.of(), false)),
                  SolveOptions.defaults(),
                  status -> {}))
          .isInstanceOfSatisfying(
              SolveException.class,
              e -> {
                assertThat(e).hasMessage("failed to solve: exit code: 7");
                assertThat(e.vertex()).contains("sha256:bad");
                assertThat(e.exitCode()).hasValue(7);
                assertThat(e.places()).hasSize(1);
                assertThat(e.places().getFirst().source().filename()).isEqualTo("Dockerfile");
                assertThat(e.places().getFirst().source().data())
                    .asString(UTF_8)
                    .isEqualTo("FROM\n");
                assertThat(e.places().getFirst().spans().getFirst().startLine()).isEqualTo(1);
              });
    }
  }

  @Test
  void anInterruptCancelsTheBuild() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch ended = new CountDownLatch(1);
    solver =
        request -> {
          started.countDown();
          Thread.sleep(Duration.ofMinutes(5));
          return SolveResponse.getDefaultInstance();
        };
    try (BuildClient client = connect()) {
      Thread thread =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  client.solve(
                      Optional.of(Llb.scratch().file(Llb.mkdir("/d", 0755)).marshal()),
                      SolveOptions.defaults(),
                      status -> {});
                } catch (InterruptedException e) {
                  ended.countDown();
                } catch (Exception e) {
                  // not what was expected; the latch tells
                }
              });
      assertThat(started.await(10, TimeUnit.SECONDS)).isTrue();
      thread.interrupt();
      assertThat(ended.await(20, TimeUnit.SECONDS)).isTrue();
      assertThat(cancelled.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void smallQuestions() throws Exception {
    try (BuildClient client = connect()) {
      assertThat(client.workers(List.of()).getFirst().labels()).containsEntry("k", "v");
      assertThat(client.info().version()).isEqualTo("v1");
      assertThatThrownBy(() -> client.diskUsage(List.of()))
          .hasMessage("failed to call diskusage: NotFound: nothing here");
    }
    assertThatThrownBy(() -> BuildClient.connect(ConnectOptions.of("unix://" + temp.resolve("no"))))
        .hasMessageContaining("no such file or directory");
    assertThatThrownBy(() -> BuildClient.connect(ConnectOptions.of("nonsense")))
        .hasMessage("invalid address nonsense");
  }

  @Test
  void aDaemonThatTakesConnectionsIsNotGivenUpBecauseTheMachineIsSlow() throws Exception {
    Path socket = temp.resolve("slow");
    CountDownLatch slow = new CountDownLatch(1);
    try (ServerSocketChannel accepting = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      accepting.bind(UnixDomainSocketAddress.of(socket));
      Threads.start(
          "slow daemon",
          () -> {
            try {
              slow.await();
              pass(accepting.accept());
            } catch (IOException | InterruptedException e) {
              // the test is over
            }
          });
      Threads.start(
          "machine",
          () -> {
            try {
              Thread.sleep(600); // three times the client's time to reach the daemon
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
            slow.countDown();
          });
      try (BuildClient client =
          BuildClient.connect(
              new ConnectOptions("unix://" + socket, Optional.empty(), Duration.ofMillis(200)))) {
        assertThat(slow.getCount()).isZero();
        assertThat(client.info().version()).isEqualTo("v1");
      }
    }
  }

  /** Carries bytes between a connection and the daemon, both ways. */
  private void pass(SocketChannel client) throws IOException {
    SocketChannel daemon = SocketChannel.open(UnixDomainSocketAddress.of(temp.resolve("sock")));
    Threads.start("there", () -> pump(client, daemon));
    Threads.start("back", () -> pump(daemon, client));
  }

  private static void pump(SocketChannel from, SocketChannel to) {
    ByteBuffer buffer = ByteBuffer.allocate(8 << 10);
    try (from;
        to) {
      while (from.read(buffer.clear()) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          to.write(buffer);
        }
      }
    } catch (IOException e) {
      // one of them has closed
    }
  }

  @Test
  void aSocketWithoutADaemonIsGivenUpInTime() throws Exception {
    Path socket = temp.resolve("left");
    ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(socket))
        .close();
    assertThatThrownBy(() ->
            BuildClient.connect(
                new ConnectOptions("unix://" + socket, Optional.empty(), Duration.ofMillis(200))))
        .hasMessageContaining("make sure buildd is running");
  }
}
