package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import dev.buildd.proto.content.AbortRequest;
import dev.buildd.proto.content.ContentGrpc;
import dev.buildd.proto.content.DeleteContentRequest;
import dev.buildd.proto.content.Info;
import dev.buildd.proto.content.InfoRequest;
import dev.buildd.proto.content.ListContentRequest;
import dev.buildd.proto.content.ListContentResponse;
import dev.buildd.proto.content.ListStatusesRequest;
import dev.buildd.proto.content.ReadContentRequest;
import dev.buildd.proto.content.StatusRequest;
import dev.buildd.proto.content.UpdateRequest;
import dev.buildd.proto.content.WriteContentRequest;
import dev.buildd.proto.content.WriteContentResponse;
import dev.buildd.session.rpc.EventLoops;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients read blobs of the daemon's store, and only read them. */
@Tag("root")
@Timeout(value = 2, unit = TimeUnit.MINUTES)
final class ContentServiceTest {
  @TempDir static Path temp;
  private static Machine machine;
  private static ManagedChannel channel;
  private static String digest;

  @BeforeAll
  static void start() throws Exception {
    machine = new Machine(temp);
    Map<String, String> told =
        machine.export(
            Llb.scratch().file(Llb.mkfile("/f", 0644, "f")),
            new SolveOptions.Export("image", Map.of("name", "kept"), Optional.empty()));
    digest = told.getOrDefault("containerimage.digest", "none");
    Path socket = Path.of(machine.address().substring("unix://".length()));
    channel =
        NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
            .channelFactory(NioDomainSocketChannel::new)
            .eventLoopGroup(EventLoops.shared())
            .overrideAuthority("localhost")
            .usePlaintext()
            .build();
  }

  @AfterAll
  static void stop() {
    channel.shutdownNow();
    machine.close();
  }

  private static ContentGrpc.ContentBlockingStub content() {
    return ContentGrpc.newBlockingStub(channel);
  }

  private static List<Info> list(String... filters) {
    List<Info> out = new ArrayList<>();
    content()
        .list(ListContentRequest.newBuilder().addAllFilters(List.of(filters)).build())
        .forEachRemaining((ListContentResponse some) -> out.addAll(some.getInfoList()));
    return out;
  }

  private static void fails(Status.Code code, String text, Runnable call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class, e -> assertThat(e.getStatus().getCode()).isEqualTo(code))
        .hasMessageContaining(text);
  }

  @Test
  void blobsAreListedAndRead() {
    Info info = content().info(InfoRequest.newBuilder().setDigest(digest).build()).getInfo();
    assertThat(list()).contains(info).hasSizeGreaterThan(2);
    assertThat(list("digest==\"" + digest + "\"")).containsExactly(info);
    assertThat(list("labels.x", "digest==sha256:none")).isEmpty();
    ReadContentRequest part =
        ReadContentRequest.newBuilder().setDigest(digest).setOffset(4).setSize(5).build();
    assertThat(content().read(part).next().getData().size()).isEqualTo(5);
    fails(
        Status.Code.INVALID_ARGUMENT,
        "is outside of " + digest,
        () -> content().read(part.toBuilder().setOffset(info.getSize()).build()).next());
    fails(Status.Code.INVALID_ARGUMENT, "", () -> list("digest=="));
  }

  @Test
  void nothingIsWrittenOrRemoved() throws Exception {
    fails(
        Status.Code.NOT_FOUND,
        "some",
        () -> content().status(StatusRequest.newBuilder().setRef("some").build()));
    assertThat(content().listStatuses(ListStatusesRequest.getDefaultInstance()).getStatusesList())
        .isEmpty();
    List<Runnable> calls =
        List.of(
            () -> content().delete(DeleteContentRequest.newBuilder().setDigest(digest).build()),
            () -> content().update(UpdateRequest.getDefaultInstance()),
            () -> content().abort(AbortRequest.getDefaultInstance()));
    for (Runnable call : calls) {
      fails(Status.Code.UNIMPLEMENTED, "read-only content store", call);
    }
    assertThat(write().get(10, TimeUnit.SECONDS).getDescription())
        .isEqualTo("read-only content store");
    assertThat(list("digest==\"" + digest + "\"")).hasSize(1);
  }

  private static CompletableFuture<Status> write() {
    CompletableFuture<Status> out = new CompletableFuture<>();
    StreamObserver<WriteContentRequest> requests =
        ContentGrpc.newStub(channel)
            .write(
                new StreamObserver<WriteContentResponse>() {
                  @Override
                  public void onNext(WriteContentResponse value) {
                    out.completeExceptionally(new AssertionError("answered: " + value));
                  }

                  @Override
                  public void onError(Throwable error) {
                    out.complete(Status.fromThrowable(error));
                  }

                  @Override
                  public void onCompleted() {
                    out.completeExceptionally(new AssertionError("accepted"));
                  }
                });
    requests.onNext(WriteContentRequest.newBuilder().setRef("new").build());
    return out;
  }
}
