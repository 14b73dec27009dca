package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceResponse;
import dev.buildd.proto.otlp.collector.TraceServiceGrpc;
import dev.buildd.proto.otlp.common.KeyValue;
import dev.buildd.proto.otlp.trace.ResourceSpans;
import dev.buildd.proto.otlp.trace.ScopeSpans;
import dev.buildd.proto.otlp.trace.Span;
import dev.buildd.proto.otlp.trace.Status;
import dev.buildd.trace.TraceContext;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Builds as traces: what comes of a client's own, and what a collector of traces gets. */
@Tag("root")
@Timeout(60)
final class TraceTest {
  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
  private static final String PARENT = "b7ad6b7169203331";

  @TempDir Path directory;

  private Machine machine(Map<String, String> environment) throws Exception {
    Machine.busybox(directory);
    return new Machine(directory, List.of(), environment);
  }

  private static State step(String script) {
    return Machine.base().run(Llb.args("/bin/sh", "-c", script)).root();
  }

  private static void build(Machine machine, String ref, State state) throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(Optional.of(state.marshal()), machine.options().withRef(ref), status -> {});
    }
  }

  /** A build by a client that says what it is a part of. */
  private static void buildAsPart(Machine machine, String ref, String traceparent)
      throws Exception {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER), traceparent);
    try (BuildClient client = machine.client()) {
      ControlGrpc.newBlockingStub(client.channel())
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
          .withDeadlineAfter(20, TimeUnit.SECONDS)
          .solve(
              SolveRequest.newBuilder()
                  .setRef(ref)
                  .setDefinition(
                      Llb.scratch().file(Llb.mkfile("/f", 0644, ref)).marshal().toProto())
                  .build());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"grpc", "http/protobuf"})
  void buildsAndTheirStepsReachACollector(String protocol) throws Exception {
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(
                Map.of(
                    "OTEL_EXPORTER_OTLP_ENDPOINT",
                    protocol.equals("grpc") ? receiver.grpcEndpoint() : receiver.httpEndpoint(),
                    "OTEL_EXPORTER_OTLP_PROTOCOL",
                    protocol,
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "x-key=a%20secret",
                    "OTEL_SERVICE_NAME",
                    "builder-7",
                    "OTEL_RESOURCE_ATTRIBUTES",
                    "deployment.environment=test"))) {
      receiver.busy.set(1); // the first request comes once more
      build(machine, "traced", step("echo traced > /f"));
      TraceReceiver.Got build = receiver.await(got -> got.span().getName().equals("build"));
      assertThat(build.attributes()).containsEntry("ref", "traced");
      assertThat(build.header()).isEqualTo("a secret");
      assertThat(build.resource())
          .containsEntry("service.name", "builder-7")
          .containsEntry("deployment.environment", "test");
      assertThat(build.parent()).as("the call").isNotEmpty();
      TraceReceiver.Got step =
          receiver.await(got -> got.span().getName().equals("/bin/sh -c echo traced > /f"));
      assertThat(step.trace()).isEqualTo(build.trace());
      assertThat(step.parent()).isEqualTo(build.id());
      assertThat(step.attributes())
          .containsEntry("cached", "false")
          .containsKeys("cpu.time_ms", "memory.peak_bytes");
      assertThat(step.span().getEndTimeUnixNano())
          .isGreaterThan(step.span().getStartTimeUnixNano());
      assertThatThrownBy(() -> build(machine, "failing", step("exit 3")))
          .hasMessageContaining("exit code: 3");
      assertThat(
              receiver
                  .await(got -> got.attributes().getOrDefault("ref", "").equals("failing"))
                  .span()
                  .getStatus()
                  .getMessage())
          .contains("exit code: 3");
      assertThat(
              MetricsText.parse(machine.debugPage("/metrics"))
                  .value("buildd_trace_spans_total{outcome=dropped}"))
          .isZero();
      assertThat(machine.log()).contains("traces go to").doesNotContain("secret");
    }
  }

  @Test
  void aClientsTraceGoesOnInTheDaemon() throws Exception {
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()))) {
      buildAsPart(machine, "unkept", "00-" + TRACE + "-" + PARENT + "-00");
      buildAsPart(machine, "part", "00-" + TRACE + "-" + PARENT + "-01");
      TraceReceiver.Got build = receiver.await(got -> true);
      assertThat(build.attributes())
          .as("whose trace it is did not want the first one kept")
          .containsEntry("ref", "part");
      assertThat(build.trace()).isEqualTo(TRACE);
      TraceReceiver.Got call = receiver.await(got -> got.id().equals(build.parent()));
      assertThat(call.span().getName()).isEqualTo("moby.buildkit.v1.Control/Solve");
      assertThat(call.parent()).isEqualTo(PARENT);
      Map<String, Object> kept = recorded("part");
      assertThat(Json.text(Json.object(kept, "SpanContext"), "TraceID")).isEqualTo(TRACE);
      assertThat(Json.text(Json.object(kept, "SpanContext"), "SpanID")).isEqualTo(build.id());
      assertThat(Json.text(Json.object(kept, "Parent"), "SpanID")).isEqualTo(call.id());

      // what the client has done itself comes through the daemon, as it was
      Span own =
          Span.newBuilder()
              .setName("client's work")
              .setTraceId(ByteString.fromHex(TRACE))
              .setSpanId(ByteString.fromHex(PARENT))
              .build();
      try (BuildClient client = machine.client()) {
        assertThat(export(client, own)).isEqualTo(ExportTraceServiceResponse.getDefaultInstance());
      }
      assertThat(receiver.await(got -> got.id().equals(PARENT)).span()).isEqualTo(own);
    }
  }

  @Test
  void whatAStepHasWhileItRunsIsSeenInItsSpan() throws Exception {
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()))) {
      build(machine, "sampled", step("sleep 5"));
      Span span = receiver.await(got -> got.span().getName().contains("sleep 5")).span();
      assertThat(span.getEventsList())
          .hasSizeGreaterThanOrEqualTo(2)
          .allSatisfy(event -> {
            assertThat(event.getName()).isEqualTo("resources");
            assertThat(event.getAttributesList())
                .extracting(KeyValue::getKey)
                .contains("cpu.time_ms", "memory.bytes", "processes");
            assertThat(event.getTimeUnixNano())
                .isBetween(span.getStartTimeUnixNano(), span.getEndTimeUnixNano());
          });
      // and in the record
      assertThat(lines("sampled")).anyMatch(line -> line.contains("\"Name\":\"resources\""));
    }
  }

  private static TraceReceiver.Got named(Map<String, TraceReceiver.Got> seen, String name) {
    return Objects.requireNonNull(seen.get(name), name);
  }

  @Test
  void callsOfBothSidesAreSpans() throws Exception {
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()))) {
      TraceContext own = TraceContext.parse("00-" + TRACE + "-" + PARENT + "-01").orElseThrow();
      try (BuildClient client = machine.client()) {
        export(client, Span.getDefaultInstance()); // would be a span if any were
        client.solve(
            Optional.of(step("true").marshal()),
            machine.options().withRef("called").withTrace(own),
            status -> {});
        assertThatThrownBy(() ->
                client.updateHistory(
                    UpdateBuildHistoryRequest.newBuilder().setRef("none").setDelete(true).build()))
            .isInstanceOf(BuildException.class);
      }
      Map<String, TraceReceiver.Got> seen = new HashMap<>();
      receiver.await(got -> {
        seen.put(got.span().getName(), got);
        return got.span().getName().equals("moby.buildkit.v1.Control/UpdateBuildHistory");
      });
      TraceReceiver.Got solve = named(seen, "moby.buildkit.v1.Control/Solve");
      assertThat(solve.parent()).isEqualTo(PARENT);
      assertThat(solve.span().getKind()).isEqualTo(Span.SpanKind.SPAN_KIND_SERVER);
      assertThat(solve.attributes())
          .containsEntry("rpc.system.name", "grpc")
          .containsEntry("rpc.method", "moby.buildkit.v1.Control/Solve")
          .containsEntry("rpc.response.status_code", "OK");
      assertThat(named(seen, "build").parent()).isEqualTo(solve.id());
      TraceReceiver.Got session = named(seen, "moby.buildkit.v1.Control/Session");
      assertThat(session.parent()).isEqualTo(PARENT);
      TraceReceiver.Got files = named(seen, "moby.filesync.v1.FileSync/DiffCopy");
      assertThat(files.parent()).isEqualTo(session.id());
      assertThat(files.span().getKind()).isEqualTo(Span.SpanKind.SPAN_KIND_CLIENT);
      assertThat(files.attributes()).containsEntry("rpc.response.status_code", "OK");
      TraceReceiver.Got refused = named(seen, "moby.buildkit.v1.Control/UpdateBuildHistory");
      assertThat(refused.attributes()).containsEntry("rpc.response.status_code", "NOT_FOUND");
      assertThat(refused.span().getStatus().getCode())
          .as("asked wrongly, which is no failure of the daemon's")
          .isEqualTo(Status.StatusCode.STATUS_CODE_UNSET);
      assertThat(seen.keySet())
          .noneMatch(name -> name.contains("Health") || name.contains("Export"));
    }
  }

  @Test
  void whatAStepDoesIsPartOfItsTrace() throws Exception {
    Path socket = directory.resolve("traces/t.sock");
    Path config =
        Files.writeString(
            directory.resolve("buildkitd.toml"), "[otel]\nsocketPath = \"" + socket + "\"\n");
    Machine.busybox(directory);
    String script =
        "env > /env && stat -c '%a %F' /dev/otel-grpc.sock >> /env && echo there > /dev/shm/at;"
            + " until [ -e /dev/shm/done ]; do sleep 0.1; done # "
            + directory.getFileName();
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            new Machine(
                directory,
                List.of(),
                Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()),
                "--config",
                config.toString())) {
      Path out = directory.resolve("out");
      FutureTask<?> build =
          new FutureTask<>(() -> {
            try (BuildClient client = machine.client()) {
              machine.build(client, step(script), out);
            }
            return null;
          });
      Thread.ofVirtual().start(build);
      Path shared = stepsFiles(script).resolve("dev");
      Span work =
          Span.newBuilder().setName("compile").setSpanId(ByteString.fromHex(PARENT)).build();
      try (BuildClient inside = connect(shared.resolve("otel-grpc.sock"))) {
        export(inside, work);
        assertThatThrownBy(() -> inside.diskUsage(List.of()))
            .as("a step is no client")
            .hasMessageContaining("Method not found");
      }
      assertThat(receiver.await(got -> got.span().getName().equals("compile")).span())
          .isEqualTo(work);
      Files.createFile(shared.resolve("shm/done"));
      build.get();

      List<String> said = Files.readAllLines(out.resolve("env"));
      TraceReceiver.Got step = receiver.await(got -> got.span().getName().contains("stat"));
      assertThat(said)
          .contains(
              "OTEL_TRACES_EXPORTER=otlp",
              "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=unix:///dev/otel-grpc.sock",
              "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc",
              "TRACEPARENT=00-" + step.trace() + "-" + step.id() + "-01",
              "666 socket");
      Files.delete(socket);
      machine.build(machine.client(), step("env > /env"), out);
      assertThat(Files.readString(out.resolve("env")))
          .as("a socket that is gone takes no build with it")
          .doesNotContain("OTEL_");
      assertThat(machine.stop()).isZero();
    }
  }

  @Test
  void whatAFrontendRunsIsPartOfItsBuild() throws Exception {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    Frontend frontend =
        gateway -> {
          Reference files =
              gateway
                  .solve(GatewayClient.Request.of(Machine.base().marshal()))
                  .single()
                  .orElseThrow();
          try (GatewayContainer container =
              gateway.newContainer(ContainerRequest.of(ContainerRequest.Mount.of("/", files)))) {
            assertThat(container.start(ProcessRequest.of(said, "/bin/sh", "-c", "env")).await())
                .isZero();
          }
          return Result.empty();
        };
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()));
        BuildClient client = machine.client()) {
      client.build(frontend, machine.options(), status -> {});
      TraceReceiver.Got build = receiver.await(got -> got.span().getName().equals("build"));
      assertThat(said.toString(StandardCharsets.UTF_8).lines())
          .contains(
              "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=unix:///dev/otel-grpc.sock",
              "TRACEPARENT=00-" + build.trace() + "-" + build.id() + "-01");
    }
  }

  /** The root of a step that has come as far as to say so, seen from outside. */
  private static Path stepsFiles(String script) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (System.nanoTime() < deadline) {
      for (ProcessHandle process : ProcessHandle.allProcesses().toList()) {
        Path root = Path.of("/proc/" + process.pid() + "/root");
        if (commandLine(process).equals("/bin/sh\0-c\0" + script + "\0")
            && Files.exists(root.resolve("dev/shm/at"))) {
          return root;
        }
      }
      Thread.sleep(50);
    }
    throw new AssertionError("the step does not run");
  }

  private static String commandLine(ProcessHandle process) {
    try {
      return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"));
    } catch (IOException e) {
      return ""; // it has ended
    }
  }

  @Test
  void aStepThatHoldsCallsOpenKeepsOthersOutButNotForEver() throws Exception {
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()));
        BuildClient other = connect(directory.resolve("otel-grpc.sock"))) {
      try (BuildClient hostile = connect(directory.resolve("otel-grpc.sock"))) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!isRefused(other)) {
          assertThat(System.nanoTime()).isLessThan(deadline);
          hold(hostile);
        }
      }
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (isRefused(other)) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.sleep(20);
      }
      assertThat(machine.stop()).isZero();
      assertThat(directory.resolve("otel-grpc.sock")).doesNotExist();
    }
  }

  @Test
  void aStepThatHoldsConnectionsOpenTakesNoMoreThanThereAreForSteps() throws Exception {
    Path socket = directory.resolve("otel-grpc.sock");
    List<SocketChannel> held = new ArrayList<>();
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpcEndpoint()))) {
      build(machine, "before", step("true")); // what the daemon opens when it is used is open
      long before = machine.descriptors();
      boolean refused = false;
      while (!refused && held.size() < 2_000) {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        held.add(channel);
        refused = isClosed(channel);
      }
      assertThat(held).as("those that are open, and the one that was not admitted").hasSize(257);
      assertThat(machine.descriptors() - before).isLessThanOrEqualTo(257 + 10);
      build(machine, "meanwhile", step("echo whoever builds is not held up"));
      for (SocketChannel channel : held) {
        channel.close();
      }
      held.clear();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      boolean open = false;
      while (!open) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        try (SocketChannel again = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
          open = !isClosed(again);
        }
      }
    } finally {
      for (SocketChannel channel : held) {
        channel.close();
      }
    }
  }

  /** Whether the daemon has closed a connection; one that it admits gets its first frame. */
  private static boolean isClosed(SocketChannel channel) throws IOException {
    try {
      return channel.read(ByteBuffer.allocate(1)) < 0;
    } catch (SocketException e) {
      return true;
    }
  }

  /** Begins a call and sends nothing. */
  private static void hold(BuildClient client) {
    client
        .channel()
        .newCall(
            TraceServiceGrpc.getExportMethod().toBuilder()
                .setType(MethodDescriptor.MethodType.BIDI_STREAMING) // begins without a message
                .build(),
            CallOptions.DEFAULT)
        .start(new ClientCall.Listener<>() {}, new Metadata());
  }

  private static boolean isRefused(BuildClient client) {
    try {
      export(client, Span.getDefaultInstance());
      return false;
    } catch (StatusRuntimeException e) {
      assertThat(e).hasMessageContaining("UNAVAILABLE: too many calls at once");
      return true;
    }
  }

  private static BuildClient connect(Path socket) throws Exception {
    return BuildClient.connect(
        new ConnectOptions("unix://" + socket, Optional.empty(), Duration.ofSeconds(10)));
  }

  private static ExportTraceServiceResponse export(BuildClient client, Span span) {
    return TraceServiceGrpc.newBlockingStub(client.channel())
        .withDeadlineAfter(20, TimeUnit.SECONDS)
        .export(
            ExportTraceServiceRequest.newBuilder()
                .addResourceSpans(
                    ResourceSpans.newBuilder()
                        .addScopeSpans(ScopeSpans.newBuilder().addSpans(span)))
                .build());
  }

  /** Of the spans kept of a build, the first. */
  private Map<String, Object> recorded(String ref) throws Exception {
    return Json.parseObject(lines(ref).getFirst().getBytes(StandardCharsets.UTF_8), "span");
  }

  /** The spans kept of a build. */
  private List<String> lines(String ref) throws Exception {
    List<String> digests = new ArrayList<>();
    try (BuildClient client = connect(directory.resolve("buildd.sock"))) {
      client.history(
          BuildHistoryRequest.newBuilder().setRef(ref).setEarlyExit(true).build(),
          event -> digests.add(event.getRecord().getTrace().getDigest()));
    }
    try (Stream<Path> files = Files.walk(directory.resolve("root/history"))) {
      Path file =
          files
              .filter(path -> digests.contains("sha256:" + path.getFileName()))
              .findFirst()
              .orElseThrow();
      return Files.readAllLines(file);
    }
  }

  @Test
  void aCollectorThatIsDownHarmsNoBuild() throws Exception {
    Map<String, String> environment = new HashMap<>();
    environment.put("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    try (Machine machine = machine(environment)) {
      long begun = System.nanoTime();
      build(machine, "alone", step("echo alone > /f"));
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(10));
      machine.awaitLog("traces do not reach their collector");
      while (MetricsText.parse(machine.debugPage("/metrics"))
              .value("buildd_trace_spans_total{outcome=dropped}")
          < 3) {
        Thread.sleep(50);
      }
      assertThat(machine.stop()).isZero();
    }
  }

  @Test
  void clientsSpansAreTakenEvenIfTheyGoNowhere() throws Exception {
    try (Machine machine = machine(Map.of("JAEGER_TRACE", "127.0.0.1:6831"));
        BuildClient client = machine.client()) {
      assertThat(machine.log()).contains("no traces: JAEGER_TRACE asks for");
      assertThat(export(client, Span.getDefaultInstance()))
          .isEqualTo(ExportTraceServiceResponse.getDefaultInstance());
      buildAsPart(machine, "garbled", "no traceparent"); // which is as good as none
    }
  }
}
