package dev.buildd.daemon.rpc;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.daemon.history.History;
import dev.buildd.daemon.wire.ProgressMessages;
import dev.buildd.proto.content.ContentGrpc;
import dev.buildd.proto.content.Info;
import dev.buildd.proto.content.InfoRequest;
import dev.buildd.proto.content.InfoResponse;
import dev.buildd.proto.content.ListContentRequest;
import dev.buildd.proto.content.ListContentResponse;
import dev.buildd.proto.content.ListStatusesResponse;
import dev.buildd.proto.content.ReadContentRequest;
import dev.buildd.proto.content.ReadContentResponse;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.snapshot.content.ContentStore;
import io.grpc.ServerCallHandler;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Blobs of builds and their history, for reading only (wire.md section 11). */
public final class ContentService {
  private static final int CHUNK = 1 << 20;
  private static final int LISTED_AT_ONCE = 100;

  private final ContentStore content;
  private final History history;

  public ContentService(ContentStore content, History history) {
    this.content = content;
    this.history = history;
  }

  public ServerServiceDefinition definition() {
    return ServerServiceDefinition.builder(ContentGrpc.getServiceDescriptor())
        .addMethod(ContentGrpc.getInfoMethod(), Services.unary((r, h) -> info(r)))
        .addMethod(ContentGrpc.getReadMethod(), Services.streaming(this::read))
        .addMethod(ContentGrpc.getListMethod(), Services.streaming(this::list))
        .addMethod(
            ContentGrpc.getStatusMethod(),
            Services.unary((request, h) -> {
              throw BuildException.notFound("ingest " + request.getRef() + ": not found");
            }))
        .addMethod(
            ContentGrpc.getListStatusesMethod(), // what is being written is the daemon's business
            Services.unary((r, h) -> ListStatusesResponse.getDefaultInstance()))
        .addMethod(ContentGrpc.getUpdateMethod(), refused())
        .addMethod(ContentGrpc.getDeleteMethod(), refused())
        .addMethod(ContentGrpc.getAbortMethod(), refused())
        .addMethod(ContentGrpc.getWriteMethod(), refused())
        .build();
  }

  private static <Q, P> ServerCallHandler<Q, P> refused() {
    return Services.streaming((request, out) -> {
      throw new BuildException(Category.UNIMPLEMENTED, "read-only content store");
    });
  }

  /** Reads a blob from an offset on. */
  @FunctionalInterface
  private interface Opener {
    InputStream at(long offset) throws IOException;
  }

  /** A blob, wherever it is kept. */
  private record Blob(long size, Instant createdAt, Opener opener) {}

  private Blob find(String text) throws IOException {
    Digest digest = Digest.parse(text);
    Optional<ContentStore.BlobInfo> stored = content.info(digest);
    if (stored.isPresent()) {
      return new Blob(
          stored.get().size(), stored.get().createdAt(), at -> content.read(digest, at));
    }
    Path file =
        history
            .blob(digest)
            .orElseThrow(() -> BuildException.notFound("content " + text + ": not found"));
    return new Blob(
        Files.size(file),
        Files.getLastModifiedTime(file).toInstant(),
        at -> {
          InputStream in = Files.newInputStream(file);
          in.skipNBytes(at);
          return in;
        });
  }

  private InfoResponse info(InfoRequest request) throws IOException {
    Blob blob = find(request.getDigest());
    return InfoResponse.newBuilder()
        .setInfo(info(request.getDigest(), blob.size(), blob.createdAt()))
        .build();
  }

  private static Info info(String digest, long size, Instant createdAt) {
    return Info.newBuilder()
        .setDigest(digest)
        .setSize(size)
        .setCreatedAt(ProgressMessages.timestamp(createdAt))
        .setUpdatedAt(ProgressMessages.timestamp(createdAt))
        .build();
  }

  private void list(
      ListContentRequest request, MessageStream<ListContentResponse, ListContentRequest> out)
      throws InterruptedException {
    FieldFilter filter = FieldFilter.parse(request.getFiltersList());
    ListContentResponse.Builder next = ListContentResponse.newBuilder();
    for (ContentStore.BlobInfo blob : content.list()) {
      String digest = blob.digest().toString();
      if (!filter.matches(
          path -> path.equals(List.of("digest")) ? Optional.of(digest) : Optional.empty())) {
        continue;
      }
      next.addInfo(info(digest, blob.size(), blob.createdAt()));
      if (next.getInfoCount() == LISTED_AT_ONCE) {
        out.write(next.build());
        next.clear();
      }
    }
    if (next.getInfoCount() > 0) {
      out.write(next.build());
    }
  }

  private void read(
      ReadContentRequest request, MessageStream<ReadContentResponse, ReadContentRequest> out)
      throws IOException, InterruptedException {
    Blob blob = find(request.getDigest());
    long size = blob.size();
    long at = request.getOffset();
    long left = request.getSize() == 0 ? size - at : request.getSize();
    if (at < 0 || left < 0 || at > size || left > size - at) {
      throw BuildException.invalid(
          "range " + at + "+" + left + " is outside of " + request.getDigest());
    }
    try (InputStream in = blob.opener().at(at)) {
      while (left > 0) {
        byte[] data = in.readNBytes((int) Math.min(CHUNK, left));
        out.write(
            ReadContentResponse.newBuilder()
                .setOffset(at)
                .setData(ByteString.copyFrom(data))
                .build());
        at += data.length;
        left -= data.length;
      }
    }
  }
}
