package dev.buildd.session.upload;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.upload.BytesMessage;
import dev.buildd.proto.upload.UploadGrpc;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/** What a client uploads as one stream. */
public final class Upload implements AutoCloseable {
  /** The host of addresses that stand for what a client uploads. */
  public static final String SESSION_HOST = "buildkit-session";

  static final Metadata.Key<String> PATH =
      Metadata.Key.of("urlpath", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> HOST =
      Metadata.Key.of("urlhost", Metadata.ASCII_STRING_MARSHALLER);
  private static final String METHOD = "/" + UploadGrpc.getPullMethod().getFullMethodName();

  private final String path;
  private final MessageStream<BytesMessage, BytesMessage> call;
  private @Nullable BytesMessage first;

  private Upload(
      String path, MessageStream<BytesMessage, BytesMessage> call, @Nullable BytesMessage first) {
    this.path = path;
    this.call = call;
    this.first = first;
  }

  /**
   * The stream that the client offers under the path of an address. It is there when this returns,
   * so that another client can be asked if it is not.
   */
  public static Upload open(Session session, String path) throws InterruptedException {
    if (!session.supports(METHOD)) {
      throw new BuildException(
          Category.NOT_FOUND, "upload of " + path + ": the client uploads nothing");
    }
    Metadata headers = new Metadata();
    headers.put(HOST, SESSION_HOST);
    headers.put(PATH, path);
    MessageStream<BytesMessage, BytesMessage> call =
        MessageStream.call(session.channel(), UploadGrpc.getPullMethod(), headers);
    boolean done = false;
    try {
      Upload upload = new Upload(path, call, read(path, call));
      done = true;
      return upload;
    } finally {
      if (!done) {
        call.close();
      }
    }
  }

  private static @Nullable BytesMessage read(
      String path, MessageStream<BytesMessage, BytesMessage> call) throws InterruptedException {
    try {
      return call.read();
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("upload of " + path, e);
    }
  }

  /** Copies the stream to its end; once. */
  public void writeTo(OutputStream to) throws IOException, InterruptedException {
    BytesMessage message = first;
    first = null;
    while (message != null) {
      message.getData().writeTo(to);
      message = read(path, call);
    }
  }

  @Override
  public void close() {
    call.close();
  }
}
