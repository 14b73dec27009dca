package dev.buildd.session.filesync;

import com.google.protobuf.UnsafeByteOperations;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.filesync.BytesMessage;
import dev.buildd.proto.filesync.FileSendGrpc;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.Session;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import dev.buildd.session.filesync.transfer.Sender;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

/**
 * Sends a build's result to the client. One method has two dialects: bytes of one file, or packets
 * that tell of a tree.
 */
public final class FileSend {
  /** The method that a session must support. */
  public static final String METHOD = "/" + FileSendGrpc.getDiffCopyMethod().getFullMethodName();

  // far below the 4 MiB that a Go client takes
  private static final int CHUNK = 256 << 10;

  static final MethodDescriptor<Packet, Packet> PACKETS =
      FileSendGrpc.getDiffCopyMethod().toBuilder(
              ProtoUtils.marshaller(Packet.getDefaultInstance()),
              ProtoUtils.marshaller(Packet.getDefaultInstance()))
          .setSchemaDescriptor(null)
          .build();

  private FileSend() {}

  /** Writes a file's content. */
  @FunctionalInterface
  public interface StreamWriter {
    void writeTo(OutputStream out) throws Exception;
  }

  /**
   * Sends one file. That the client has it already is no failure.
   *
   * @param exporterMetadata what the client is told of the result beforehand
   */
  public static void sendStream(
      Session session, int exporterId, Map<String, String> exporterMetadata, StreamWriter body)
      throws Exception {
    Metadata headers = headers(session, exporterId);
    exporterMetadata.forEach(
        (name, value) -> Headers.put(headers, Headers.EXPORTER_METADATA + name, List.of(value)));
    try (MessageStream<BytesMessage, BytesMessage> call =
        MessageStream.call(session.channel(), FileSendGrpc.getDiffCopyMethod(), headers)) {
      try (OutputStream out = new Chunks(call)) {
        body.writeTo(out);
      }
      call.halfClose();
      while (call.read() != null) {
        // the client answers by ending the call
      }
    } catch (StatusRuntimeException e) {
      throwUnlessThere(e);
    } catch (IOException e) {
      if (e.getCause() instanceof StatusRuntimeException status) {
        throwUnlessThere(status);
        return;
      }
      throw e;
    }
  }

  private static void throwUnlessThere(StatusRuntimeException e) {
    if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
      throw Statuses.toBuildException("sending the result", e);
    }
  }

  /**
   * Sends a tree.
   *
   * @param multiPlatformDelete tells the client that this one tree holds all platforms, so that it
   *     may delete what is not in it
   */
  public static void sendDirectory(
      Session session,
      int exporterId,
      boolean multiPlatformDelete,
      FsSource source,
      ReceiveOptions.Progress progress)
      throws Exception {
    Metadata headers = headers(session, exporterId);
    if (multiPlatformDelete) {
      headers.put(Headers.key(Headers.MULTI_PLATFORM), "1");
    }
    try (MessageStream<Packet, Packet> call =
        MessageStream.call(session.channel(), PACKETS, headers)) {
      new Sender(new GrpcPackets(call), source, progress).run();
      call.halfClose();
      while (call.read() != null) {
        // the client answers by ending the call
      }
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("sending the result", e);
    }
  }

  private static Metadata headers(Session session, int exporterId) {
    if (!session.supports(METHOD)) {
      throw new BuildException(
          Category.UNKNOWN, "method " + METHOD + " not supported by the client");
    }
    Metadata headers = new Metadata();
    headers.put(Headers.key(Headers.EXPORTER_ID), Integer.toString(exporterId));
    return headers;
  }

  /** Collects bytes into messages. */
  private static final class Chunks extends OutputStream {
    private final MessageStream<BytesMessage, BytesMessage> call;
    private byte[] buffer = new byte[CHUNK];
    private int length;

    Chunks(MessageStream<BytesMessage, BytesMessage> call) {
      this.call = call;
    }

    @Override
    public void write(int b) throws IOException {
      if (length == CHUNK) {
        send();
      }
      buffer[length++] = (byte) b;
    }

    @Override
    public void write(byte[] bytes, int offset, int count) throws IOException {
      int at = offset;
      int left = count;
      while (left > 0) {
        if (length == CHUNK) {
          send();
        }
        int n = Math.min(left, CHUNK - length);
        System.arraycopy(bytes, at, buffer, length, n);
        length += n;
        at += n;
        left -= n;
      }
    }

    private void send() throws IOException {
      if (length == 0) {
        return;
      }
      BytesMessage message =
          BytesMessage.newBuilder()
              .setData(UnsafeByteOperations.unsafeWrap(buffer, 0, length))
              .build();
      buffer = new byte[CHUNK];
      length = 0;
      try {
        call.write(message);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("sending the result");
      } catch (StatusRuntimeException e) {
        throw new IOException(Statuses.textOf(e), e);
      }
    }

    @Override
    public void close() throws IOException {
      send();
    }
  }
}
