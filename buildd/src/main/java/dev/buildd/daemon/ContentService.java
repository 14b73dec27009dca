package dev.buildd.daemon;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.content.ContentGrpc;
import dev.buildd.proto.content.Info;
import dev.buildd.proto.content.InfoRequest;
import dev.buildd.proto.content.InfoResponse;
import dev.buildd.proto.content.ReadContentRequest;
import dev.buildd.proto.content.ReadContentResponse;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Optional;

/** Blobs of builds and their history, for reading only (wire.md section 11). */
final class ContentService {
  private static final int CHUNK = 1 << 20;

  private final History history;

  ContentService(History history) {
    this.history = history;
  }

  ServerServiceDefinition definition() {
    return ServerServiceDefinition.builder(ContentGrpc.SERVICE_NAME)
        .addMethod(ContentGrpc.getInfoMethod(), Services.unary((r, h) -> info(r)))
        .addMethod(ContentGrpc.getReadMethod(), Services.streaming(this::read))
        .addMethod(ContentGrpc.getListMethod(), Services.streaming((r, out) -> {}))
        .build();
  }

  private Path find(String digest) {
    Optional<Path> file = history.blob(Digest.parse(digest));
    return file.orElseThrow(() -> BuildException.notFound("content " + digest + ": not found"));
  }

  private InfoResponse info(InfoRequest request) throws IOException {
    Path file = find(request.getDigest());
    FileTime time = Files.getLastModifiedTime(file);
    return InfoResponse.newBuilder()
        .setInfo(
            Info.newBuilder()
                .setDigest(request.getDigest())
                .setSize(Files.size(file))
                .setCreatedAt(ProgressMessages.timestamp(time.toInstant()))
                .setUpdatedAt(ProgressMessages.timestamp(time.toInstant())))
        .build();
  }

  private void read(
      ReadContentRequest request, MessageStream<ReadContentResponse, ReadContentRequest> out)
      throws IOException, InterruptedException {
    Path file = find(request.getDigest());
    long size = Files.size(file);
    long at = request.getOffset();
    long left = request.getSize() == 0 ? size - at : request.getSize();
    if (at < 0 || left < 0 || at > size || left > size - at) {
      throw BuildException.invalid(
          "range " + at + "+" + left + " is outside of " + request.getDigest());
    }
    try (InputStream in = Files.newInputStream(file)) {
      in.skipNBytes(at);
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
