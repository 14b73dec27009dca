package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.text.Ids;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.BytesMessage;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.PingRequest;
import dev.buildd.proto.gateway.ReadFileRequest;
import dev.buildd.session.secrets.SecretsProvider;
import dev.buildd.session.upload.UploadProvider;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What one client gets by naming what is another's, while that one is there: nothing. */
@Tag("root")
@Timeout(60)
final class IsolationTest {
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

  private static void build(State state, SolveOptions options) throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(Optional.of(state.marshal()), options, status -> {});
    }
  }

  /** Runs while another client's build, which has made a file of a secret text, is open. */
  private interface Intruder {
    void with(String build, Reference reference) throws Exception;
  }

  private static void besideABuild(Intruder intruder, SolveOptions options) throws Exception {
    String ref = Ids.random();
    State kept = Llb.scratch().file(Llb.mkfile("/f", 0600, "private"));
    try (BuildClient owner = machine.client()) {
      owner.build(
          gateway -> {
            Reference made =
                gateway.solve(GatewayClient.Request.of(kept.marshal())).single().orElseThrow();
            try {
              intruder.with(ref, made);
            } catch (Exception e) {
              throw new IllegalStateException(e);
            }
            assertThat(made.readFile("/f")).as("the owner's").isEqualTo("private".getBytes(UTF_8));
            return Result.of(made);
          },
          options.withRef(ref),
          status -> {});
    }
  }

  private static LLBBridgeGrpc.LLBBridgeBlockingStub bridge(BuildClient client, String build) {
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("buildkit-controlapi-buildid", Metadata.ASCII_STRING_MARSHALLER), build);
    headers.put(
        Metadata.Key.of("buildd-connection", Metadata.ASCII_STRING_MARSHALLER), "1"); // made up
    return LLBBridgeGrpc.newBlockingStub(client.channel())
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  @Test
  void anothersGatewayIsNotThere() throws Exception {
    besideABuild(
        (build, reference) -> {
          try (BuildClient other = machine.client()) {
            assertThatThrownBy(() ->
                    bridge(other, build)
                        .readFile(
                            ReadFileRequest.newBuilder()
                                .setRef(reference.id())
                                .setFilePath("/f")
                                .build()))
                .isInstanceOf(StatusRuntimeException.class)
                .hasMessageContaining("no such job " + build);
            assertThatThrownBy(() -> bridge(other, build).ping(PingRequest.getDefaultInstance()))
                .hasMessageContaining("no such job " + build);
          }
        },
        machine.options());
  }

  @Test
  void anothersRefIsUnknownToOnesOwnBuild() throws Exception {
    besideABuild(
        (build, reference) -> {
          try (BuildClient other = machine.client()) {
            other.build(
                gateway -> {
                  assertThatThrownBy(() ->
                          bridge(other, "intruders-build")
                              .readFile(
                                  ReadFileRequest.newBuilder()
                                      .setRef(reference.id())
                                      .setFilePath("/f")
                                      .build()))
                      .isInstanceOf(StatusRuntimeException.class)
                      .hasMessageContaining("no such ref: " + reference.id());
                  return Result.empty();
                },
                machine.options().withRef("intruders-build"),
                status -> {});
          }
        },
        machine.options());
  }

  @Test
  void anothersUploadIsNotFound() throws Exception {
    UploadProvider owners = new UploadProvider();
    String address = owners.add(new ByteArrayInputStream("private".getBytes(UTF_8)));
    besideABuild(
        (build, reference) ->
            assertThatThrownBy(() ->
                    build(
                        Llb.http(address, Llb.filename("f")),
                        machine.options().withAttachables(new UploadProvider())))
                .hasMessageContaining("no http response from session"),
        machine.options().withAttachables(owners));
    Path out = directory.resolve("upload");
    build(
        Llb.http(address, Llb.filename("f")),
        machine.options().withAttachables(owners).withExports(SolveOptions.Export.local(out)));
    assertThat(out.resolve("f")).as("still the owner's to use").hasContent("private");
  }

  @Test
  void anothersSecretIsNotFound() throws Exception {
    SecretsProvider owners =
        new SecretsProvider(SecretsProvider.Store.of(Map.of("s", "private".getBytes(UTF_8))));
    State reads =
        Machine.base()
            .run(Llb.args("/bin/cat", "/run/s"), Llb.addSecret("/run/s", Llb.secretId("s")))
            .root();
    besideABuild(
        (build, reference) ->
            assertThatThrownBy(() ->
                    build(
                        reads,
                        machine
                            .options()
                            .withAttachables(new SecretsProvider(id -> Optional.empty()))))
                .hasMessageContaining("secret s: not found"),
        machine.options().withAttachables(owners));
  }

  /** The id of the session that was opened last; only the debug log has it. */
  private static String lastSession() throws Exception {
    Matcher started =
        Pattern.compile("level=debug msg=\"session started id=(\\w+)\"").matcher(machine.log());
    String last = "";
    while (started.find()) {
      last = started.group(1);
    }
    assertThat(last).hasSize(25);
    return last;
  }

  @Test
  void aSessionIsNotTakenOver() throws Exception {
    Path files = Files.createDirectories(directory.resolve("files"));
    Files.writeString(files.resolve("f"), "x");
    besideABuild(
        (build, reference) -> {
          try (BuildClient other = machine.client()) {
            CompletableFuture<Status> end = new CompletableFuture<>();
            Metadata headers = new Metadata();
            headers.put(
                Metadata.Key.of("x-docker-expose-session-uuid", Metadata.ASCII_STRING_MARSHALLER),
                lastSession());
            ClientCall<BytesMessage, BytesMessage> call =
                other.channel().newCall(ControlGrpc.getSessionMethod(), CallOptions.DEFAULT);
            call.start(
                new ClientCall.Listener<>() {
                  @Override
                  public void onClose(Status status, Metadata trailers) {
                    end.complete(status);
                  }
                },
                headers);
            call.request(1);
            assertThat(end.get(10, TimeUnit.SECONDS).getCode())
                .isEqualTo(Status.Code.ALREADY_EXISTS);
          }
        },
        machine.options());
  }

  @Test
  void sessionsAreToldOfToNobody() throws Exception {
    besideABuild(
        (build, reference) -> {
          String session = lastSession();
          StringBuilder told = new StringBuilder();
          try (BuildClient other = machine.client()) {
            told.append(other.info()).append(other.workers(List.of()));
            told.append(other.diskUsage(List.of()));
            other.history(
                BuildHistoryRequest.newBuilder().setEarlyExit(true).build(), told::append);
            other.history(
                BuildHistoryRequest.newBuilder().setActiveOnly(true).setEarlyExit(true).build(),
                told::append);
          }
          assertThat(told).contains(build).doesNotContain(session);
          assertThat(machine.figures().toString()).doesNotContain(session);
          assertThat(machine.log().lines().filter(line -> !line.contains("level=debug")).toList())
              .noneMatch(line -> line.contains(session));
        },
        machine.options());
  }
}
