package dev.buildd.session.content;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.content.ContentGrpc;
import dev.buildd.proto.content.InfoRequest;
import dev.buildd.proto.content.ReadContentRequest;
import dev.buildd.proto.content.ReadContentResponse;
import dev.buildd.proto.content.WriteAction;
import dev.buildd.proto.content.WriteContentRequest;
import dev.buildd.proto.content.WriteContentResponse;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/** One of a client's stores of blobs. Safe for use by many threads. */
public final class RemoteContent {
  /** A method that a session with stores must support. */
  public static final String METHOD = "/" + ContentGrpc.getInfoMethod().getFullMethodName();

  private static final int PATIENCE_SECONDS = 60;

  private final Session session;
  private final String store;

  /**
   * @param store its id, such as {@code local:DIRECTORY} or {@code export}
   */
  public RemoteContent(Session session, String store) {
    this.session = session;
    this.store = store;
  }

  private Metadata headers() {
    Metadata headers = new Metadata();
    headers.put(ContentStores.STORE, store);
    return headers;
  }

  /**
   * The bytes that a blob has.
   *
   * @throws BuildException {@code NOT_FOUND} if the blob, or the whole store, is not there
   */
  public long size(Digest digest) {
    try {
      return ContentGrpc.newBlockingStub(session.channel())
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers()))
          .withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS)
          .info(InfoRequest.newBuilder().setDigest(digest.toString()).build())
          .getInfo()
          .getSize();
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("content " + digest + " of " + store, e);
    }
  }

  /** Whether the blob is there. */
  public boolean has(Digest digest) {
    try {
      return size(digest) >= 0;
    } catch (BuildException e) {
      if (e.category() == Category.NOT_FOUND) {
        return false;
      }
      throw e;
    }
  }

  /** Reads a blob into a stream, which checks what it gets. */
  public void read(Digest digest, OutputStream to, LongConsumer progress)
      throws IOException, InterruptedException {
    try (MessageStream<ReadContentRequest, ReadContentResponse> call =
        MessageStream.call(session.channel(), ContentGrpc.getReadMethod(), headers())) {
      call.write(ReadContentRequest.newBuilder().setDigest(digest.toString()).build());
      call.halfClose();
      long done = 0;
      for (ReadContentResponse part = call.read(); part != null; part = call.read()) {
        part.getData().writeTo(to);
        done += part.getData().size();
        progress.accept(done);
      }
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("content " + digest + " of " + store, e);
    }
  }

  /** Writes a blob unless it is there. */
  public void write(Digest digest, long size, InputStream from)
      throws IOException, InterruptedException {
    if (has(digest)) {
      return;
    }
    try (MessageStream<WriteContentRequest, WriteContentResponse> call =
        MessageStream.call(session.channel(), ContentGrpc.getWriteMethod(), headers())) {
      WriteContentRequest.Builder request =
          WriteContentRequest.newBuilder()
              .setRef(digest.toString())
              .setTotal(size)
              .setExpected(digest.toString());
      call.write(request.setAction(WriteAction.STAT).build());
      long offset = answer(call, digest).getOffset();
      from.skipNBytes(offset);
      byte[] chunk = from.readNBytes(ContentStores.CHUNK);
      while (chunk.length > 0) {
        call.write(
            WriteContentRequest.newBuilder()
                .setAction(WriteAction.WRITE)
                .setOffset(offset)
                .setData(ByteString.copyFrom(chunk))
                .build());
        offset += chunk.length;
        if (answer(call, digest).getOffset() != offset) {
          throw new BuildException(
              Category.UNAVAILABLE, "content " + digest + " of " + store + ": written in part");
        }
        chunk = from.readNBytes(ContentStores.CHUNK);
      }
      call.write(request.setAction(WriteAction.COMMIT).setOffset(offset).build());
      answer(call, digest);
      call.halfClose();
      while (call.read() != null) {
        // the client ends the call
      }
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
        throw Statuses.toBuildException("content " + digest + " of " + store, e);
      }
    }
  }

  private WriteContentResponse answer(
      MessageStream<WriteContentRequest, WriteContentResponse> call, Digest digest)
      throws InterruptedException {
    WriteContentResponse response = call.read();
    if (response == null) {
      throw new BuildException(
          Category.UNAVAILABLE, "content " + digest + " of " + store + ": the client hung up");
    }
    return response;
  }
}
