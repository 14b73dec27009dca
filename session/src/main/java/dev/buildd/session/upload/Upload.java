package dev.buildd.session.upload;

import dev.buildd.proto.upload.BytesMessage;
import dev.buildd.proto.upload.UploadGrpc;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.OutputStream;

/** Fetches what a client uploads as one stream. */
public final class Upload {
  private static final Metadata.Key<String> PATH =
      Metadata.Key.of("urlpath", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> HOST =
      Metadata.Key.of("urlhost", Metadata.ASCII_STRING_MARSHALLER);

  private Upload() {}

  /** Copies the stream that the client offers under the URL's host and path. */
  public static void pull(Session session, String host, String path, OutputStream to)
      throws IOException, InterruptedException {
    Metadata headers = new Metadata();
    headers.put(HOST, host);
    headers.put(PATH, path);
    try (MessageStream<BytesMessage, BytesMessage> call =
        MessageStream.call(session.channel(), UploadGrpc.getPullMethod(), headers)) {
      for (BytesMessage message = call.read(); message != null; message = call.read()) {
        message.getData().writeTo(to);
      }
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("upload of " + path, e);
    }
  }
}
