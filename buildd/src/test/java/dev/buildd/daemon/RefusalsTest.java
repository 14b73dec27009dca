package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.client.BuildClient;
import dev.buildd.daemon.rpc.FailureLog;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.llb.Llb;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.gateway.Attestations;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.Result;
import dev.buildd.proto.gateway.ReturnRequest;
import dev.buildd.proto.pb.SourceOp;
import dev.buildd.proto.sourcepolicy.Policy;
import dev.buildd.solver.graph.VertexException;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** What is refused by name, and what the log and the client are told of failures. */
@Tag("root")
@Timeout(60)
final class RefusalsTest {
  private static final Metadata.Key<String> BUILD_ID =
      Metadata.Key.of("buildkit-controlapi-buildid", Metadata.ASCII_STRING_MARSHALLER);

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

  private static void assertUnimplemented(ThrowingCallable call, String named) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNIMPLEMENTED);
              assertThat(e.getStatus().getDescription())
                  .contains(named, "not supported by this daemon yet");
            });
  }

  private static ControlGrpc.ControlBlockingStub control(BuildClient client) {
    return ControlGrpc.newBlockingStub(client.channel()).withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private static SolveRequest.Builder request(String ref) throws Exception {
    return SolveRequest.newBuilder()
        .setRef(ref)
        .setDefinition(Llb.scratch().file(Llb.mkfile("/f", 0644, "f")).marshal().toProto());
  }

  @Test
  void whatWouldWeakenABuildIsRefusedByName() throws Exception {
    try (BuildClient client = machine.client()) {
      assertUnimplemented(
          () ->
              control(client)
                  .solve(request("a").setSourcePolicy(Policy.getDefaultInstance()).build()),
          "source policies (SourcePolicy)");
      assertUnimplemented(
          () -> control(client).solve(request("b").setSourcePolicySession("s").build()),
          "(SourcePolicySession)");
      assertUnimplemented(
          () -> control(client).solve(request("c").setProxyNetwork(true).build()),
          "the proxy network (ProxyNetwork)");
      for (String asked : List.of("", "mode=max", "mode=min", "mode=max,inline-only=true")) {
        assertUnimplemented(
            () ->
                control(client)
                    .solve(
                        request("d" + asked).putFrontendAttrs("attest:provenance", asked).build()),
            "attestations of type provenance (attest:provenance)");
      }
      assertUnimplemented(
          () ->
              control(client)
                  .solve(request("e").putFrontendAttrs("attest:sbom", "generator=x").build()),
          "attestations of type sbom");
    }
  }

  @Test
  void whatClientsSendUnaskedIsNotRefused() throws Exception {
    try (BuildClient client = machine.client()) {
      for (String unasked :
          List.of("mode=min,inline-only=true", "inline-only=true,mode=min", "disabled=true")) {
        control(client)
            .solve(request("f" + unasked).putFrontendAttrs("attest:provenance", unasked).build());
      }
    }
  }

  @Test
  void frontendsAreRefusedTheSame() throws Exception {
    try (BuildClient client = machine.client()) {
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread build =
          Threads.start(
              "build",
              () -> {
                try {
                  control(client).solve(SolveRequest.newBuilder().setRef("gateway").build());
                } catch (StatusRuntimeException e) {
                  failure.set(e);
                }
              });
      Metadata headers = new Metadata();
      headers.put(BUILD_ID, "gateway");
      LLBBridgeGrpc.LLBBridgeBlockingStub bridge =
          LLBBridgeGrpc.newBlockingStub(client.channel())
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
      Policy policy = Policy.getDefaultInstance();
      assertUnimplemented(
          () ->
              bridge.solve(
                  dev.buildd.proto.gateway.SolveRequest.newBuilder()
                      .addSourcePolicies(policy)
                      .build()),
          "source policies (SourcePolicies)");
      assertUnimplemented(
          () ->
              bridge.resolveImageConfig(
                  ResolveImageConfigRequest.newBuilder()
                      .setRef("x")
                      .addSourcePolicies(policy)
                      .build()),
          "source policies");
      assertUnimplemented(
          () ->
              bridge.resolveSourceMeta(
                  ResolveSourceMetaRequest.newBuilder()
                      .setSource(SourceOp.newBuilder().setIdentifier("docker-image://x"))
                      .addSourcePolicies(policy)
                      .build()),
          "source policies");
      bridge.return_(
          ReturnRequest.newBuilder()
              .setResult(
                  Result.newBuilder()
                      .putAttestations("linux/amd64", Attestations.getDefaultInstance()))
              .build());
      build.join();
      assertUnimplemented(
          () -> {
            throw failure.get();
          },
          "attestations of a frontend's result");
    }
  }

  private static List<String> logged(String ref) throws IOException {
    return Files.readAllLines(directory.resolve("log")).stream()
        .filter(line -> !line.contains("level=debug"))
        .filter(line -> line.contains("build=" + ref + " "))
        .toList();
  }

  @Test
  void aFailedBuildIsOneLineOfTheLog() throws Exception {
    try (BuildClient client = machine.client()) {
      assertThatThrownBy(() ->
              client.solve(
                  Optional.of(
                      Machine.base()
                          .run(Llb.args("/bin/sh", "-c", "echo one\nexit 3"))
                          .root()
                          .marshal()),
                  machine.options().withRef("failing"),
                  status -> {}))
          .hasMessageContaining(
              "process \"/bin/sh -c echo one\\nexit 3\" did not complete successfully: exit code:"
                  + " 3");
    }
    assertThat(logged("failing"))
        .singleElement()
        .asString()
        .contains(
            "level=warning", "build failed", "vertex=sha256:", "code=UNKNOWN", "exit code: 3");
  }

  @Test
  void defectsAreInternalAndToldToTheLogOnly() {
    Exception defect =
        new VertexException(Digest.of("v"), "step", new NullPointerException("secret detail"));
    assertThat(BuildException.categoryOf(defect)).isEqualTo(Category.INTERNAL);
    com.google.rpc.Status told = WireErrors.statusOf(defect);
    assertThat(told.getCode()).isEqualTo(Status.Code.INTERNAL.value());
    assertThat(told.getMessage()).isEqualTo("internal error, see the log of the daemon");
    assertThat(WireErrors.statusOf(new StackOverflowError()).getCode())
        .isEqualTo(Status.Code.INTERNAL.value());
    assertThat(BuildException.categoryOf(new java.io.UncheckedIOException(new IOException("x"))))
        .isEqualTo(Category.UNKNOWN);
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    Logger log = (Logger) LoggerFactory.getLogger(FailureLog.class);
    log.addAppender(lines);
    lines.start();
    try {
      FailureLog.failed("r", defect);
      FailureLog.called("serve Solve", defect);
      FailureLog.called("serve Solve", BuildException.invalid("asked wrongly"));
    } finally {
      log.detachAppender(lines);
    }
    assertThat(lines.list).hasSize(2);
    assertThat(lines.list.getFirst().getKeyValuePairs().toString())
        .contains("build=\"r\"", Digest.of("v").toString(), "code=\"INTERNAL\"", "secret detail");
    assertThat(lines.list.getFirst().getThrowableProxy()).isNull();
    assertThat(lines.list.getLast().getThrowableProxy().getStackTraceElementProxyArray())
        .isNotEmpty();
  }

  /** Whoever meets a full disk first often knows of files only. */
  @Test
  void aFullDiskIsToldAsOneWhereverItWasMet() {
    Throwable met =
        new VertexException(
            Digest.of("step"), "copy /", new IOException("No space left on device"));
    assertThat(WireErrors.of(met).getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(WireErrors.of(new IOException("No such device")).getStatus().getCode())
        .isEqualTo(Status.Code.UNKNOWN);
  }

  @Test
  void theThreadDumpShowsWorkByItsName() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    try (BuildClient client = machine.client()) {
      Thread build =
          Threads.start(
              "build",
              () -> {
                try {
                  client.solve(
                      Optional.of(
                          Machine.base()
                              .run(Llb.args("/bin/sh", "-c", "echo on; sleep 1000"))
                              .root()
                              .marshal()),
                      machine.options(),
                      status -> {
                        if (!status.logs().isEmpty()) {
                          running.countDown();
                        }
                      });
                } catch (Exception e) {
                  // ends with the test
                }
              });
      assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
      String dump = machine.debugPage("/debug/pprof/goroutine");
      assertThat(dump.lines().filter(line -> line.contains(" virtual")).toList())
          .anyMatch(line -> line.contains("\"serve moby.buildkit.v1.Control/Solve\""))
          .anyMatch(line -> line.contains("sleep 1000"));
      assertThat(dump).contains("\"main\"");
      build.interrupt();
      build.join();
    }
  }
}
