package dev.buildd.session.filesync;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.proto.filesync.BytesMessage;
import dev.buildd.proto.filesync.FileSendGrpc;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.Attachable;
import dev.buildd.session.filesync.transfer.PacketStream;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import dev.buildd.session.filesync.transfer.Receiver;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Takes the results of a build, each of its exporters into a target of its own. Safe for use by
 * many threads.
 */
public final class FileSendTarget implements Attachable {
  /** Where an exporter's result goes. */
  public sealed interface Target {
    /**
     * One file.
     *
     * @param file opens it
     */
    record Stream(Opener file) implements Target {}

    /**
     * A directory, made if need be.
     *
     * @param delete whether what the result does not have is removed from it
     */
    record Directory(Path path, boolean delete) implements Target {}

    /**
     * A directory in the form of an OCI image layout, into which the daemon writes blobs through
     * {@link dev.buildd.session.content.ContentProvider}, not as files.
     */
    record Layout(Path path) implements Target {}
  }

  /** Opens the file for a result; empty if it is there already and not wanted again. */
  @FunctionalInterface
  public interface Opener {
    Optional<OutputStream> open(Map<String, String> exporterMetadata) throws IOException;
  }

  private static final MethodDescriptor.Marshaller<byte[]> RAW =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
          return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
          try {
            return stream.readAllBytes();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };

  private static final MethodDescriptor<byte[], byte[]> METHOD =
      FileSendGrpc.getDiffCopyMethod().toBuilder(RAW, RAW).setSchemaDescriptor(null).build();

  private final Map<Integer, Target> targets;

  /**
   * @param targets by the position of the exporter in the request
   */
  public FileSendTarget(Map<Integer, Target> targets) {
    this.targets = new ConcurrentHashMap<>(targets);
  }

  /** Takes the result of one more exporter, of which the daemon learns later. */
  public void add(int position, Target target) {
    targets.put(position, target);
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(FileSendGrpc.SERVICE_NAME)
            .addMethod(METHOD, Handlers.streaming(this::diffCopy))
            .build());
  }

  private void diffCopy(MessageStream<byte[], byte[]> call, Metadata headers) throws Exception {
    int id = exporterId(headers);
    switch (targets.get(id)) {
      case null -> throw BuildException.unknown("exporter " + id + " not found", null);
      case Target.Directory(Path path, boolean delete) -> {
        if (delete && !"1".equals(headers.get(Headers.key(Headers.MULTI_PLATFORM)))) {
          throw BuildException.unknown(
              "local exporter mode=delete requires a BuildKit daemon with multi-platform local"
                  + " export support",
              null);
        }
        receiveDirectory(call, path, delete);
      }
      case Target.Layout(Path path) ->
          throw BuildException.invalid("exporter " + id + " sends files, not blobs, for " + path);
      case Target.Stream(Opener opener) -> {
        OutputStream file =
            opener
                .open(Headers.exporterMetadata(headers))
                .orElseThrow(
                    () -> new BuildException(Category.ALREADY_EXISTS, "target already exists"));
        try (file) {
          for (byte[] message = call.read(); message != null; message = call.read()) {
            byte[] received = message;
            Threads.nativeCalls()
                .call(() -> {
                  BytesMessage.parseFrom(received).getData().writeTo(file);
                  return true;
                });
          }
        }
      }
    }
  }

  private static int exporterId(Metadata headers) {
    String text = headers.get(Headers.key(Headers.EXPORTER_ID));
    try {
      return text == null ? 0 : Integer.parseInt(text);
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private static void receiveDirectory(
      MessageStream<byte[], byte[]> call, Path path, boolean delete) throws Exception {
    Files.createDirectories(path);
    Stat self = Linux.stat(Path.of("/proc/self"));
    ReceiveOptions options =
        ReceiveOptions.defaults().withFilter(stat -> stat.withOwner(self.uid(), self.gid()));
    options = delete ? options.withDiffer(ReceiveOptions.Differ.NONE) : options.withMerge(true);
    new Receiver(new RawPackets(call), path, options).run();
  }

  private record RawPackets(MessageStream<byte[], byte[]> call) implements PacketStream {
    @Override
    public @Nullable Packet read() throws InterruptedException, InvalidProtocolBufferException {
      byte[] message = call.read();
      return message == null ? null : Packet.parseFrom(message);
    }

    @Override
    public void write(Packet packet) throws InterruptedException {
      call.write(packet.toByteArray());
    }

    @Override
    public boolean offer(Packet packet) {
      return call.offer(packet.toByteArray());
    }
  }
}
