package dev.buildd.session.upload;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.Ids;
import dev.buildd.proto.upload.BytesMessage;
import dev.buildd.proto.upload.UploadGrpc;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Metadata;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Offers streams to the daemon, each of them once: a build's context on standard input, say. */
public final class UploadProvider implements Attachable {
  private static final int CHUNK = 256 << 10;

  private final Map<String, InputStream> streams = new ConcurrentHashMap<>();

  /**
   * Offers a stream, which is closed once it has been read.
   *
   * @return the address under which a build finds it, of this session only
   */
  public String add(InputStream stream) {
    String id = Ids.random();
    streams.put(id, stream);
    return "http://" + Upload.SESSION_HOST + "/" + id;
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(UploadGrpc.SERVICE_NAME)
            .addMethod(UploadGrpc.getPullMethod(), Handlers.streaming(this::pull))
            .build());
  }

  private void pull(MessageStream<BytesMessage, BytesMessage> call, Metadata headers)
      throws IOException, InterruptedException {
    String path = headers.get(Upload.PATH);
    String id = path == null ? "" : path.substring(path.lastIndexOf('/') + 1);
    InputStream stream = streams.remove(id);
    if (stream == null) {
      throw BuildException.notFound("no http response from session for " + id);
    }
    try (stream) {
      byte[] buffer = new byte[CHUNK];
      for (int n = stream.read(buffer); n >= 0; n = stream.read(buffer)) {
        call.write(BytesMessage.newBuilder().setData(ByteString.copyFrom(buffer, 0, n)).build());
      }
    }
  }
}
