package dev.buildd.session.content;

import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import com.google.protobuf.Timestamp;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.content.ContentGrpc;
import dev.buildd.proto.content.Info;
import dev.buildd.proto.content.InfoRequest;
import dev.buildd.proto.content.InfoResponse;
import dev.buildd.proto.content.ReadContentRequest;
import dev.buildd.proto.content.ReadContentResponse;
import dev.buildd.proto.content.WriteAction;
import dev.buildd.proto.content.WriteContentRequest;
import dev.buildd.proto.content.WriteContentResponse;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Metadata;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Offers directories of this machine as stores of blobs, in the form of OCI image layouts. The
 * daemon reads blobs and adds some where it may; it deletes none, and nothing else of the directory
 * is touched.
 */
public final class ContentProvider implements Attachable {
  private final Map<String, Path> stores = new HashMap<>();
  private final Set<String> readOnly;

  /**
   * @param writable directories by the ids under which the daemon asks for them
   * @param readOnly such as nothing is added to
   */
  public ContentProvider(Map<String, Path> writable, Map<String, Path> readOnly) {
    stores.putAll(writable);
    stores.putAll(readOnly);
    this.readOnly = Set.copyOf(readOnly.keySet());
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(ContentGrpc.SERVICE_NAME)
            .addMethod(ContentGrpc.getInfoMethod(), Handlers.unary(this::info))
            .addMethod(
                ContentGrpc.getReadMethod(),
                Handlers.streaming((call, headers) -> read(call, store(headers))))
            .addMethod(
                ContentGrpc.getWriteMethod(),
                Handlers.streaming((call, headers) -> write(call, writableStore(headers))))
            .addMethod(
                ContentGrpc.getStatusMethod(),
                Handlers.unary((request, headers) -> {
                  throw BuildException.notFound("no write under way: " + request.getRef());
                }))
            .addMethod(
                ContentGrpc.getAbortMethod(),
                Handlers.unary((request, headers) -> Empty.getDefaultInstance()))
            .build());
  }

  private Path store(Metadata headers) {
    String id = headers.get(ContentStores.STORE);
    Path store = id == null ? null : stores.get(id);
    if (store == null) {
      throw BuildException.notFound("unknown store " + id + ": not found");
    }
    return store;
  }

  private Path writableStore(Metadata headers) {
    Path store = store(headers);
    String id = headers.get(ContentStores.STORE);
    if (id != null && readOnly.contains(id)) {
      throw new BuildException(Category.PERMISSION_DENIED, "store " + id + " is read-only");
    }
    return store;
  }

  /** Where a layout keeps a blob. */
  public static Path blob(Path store, Digest digest) {
    return store.resolve("blobs").resolve(digest.algorithm().text()).resolve(digest.hex());
  }

  private InfoResponse info(InfoRequest request, Metadata headers) throws IOException {
    Digest digest = Digest.parse(request.getDigest());
    Path file = found(store(headers), digest);
    Instant changed = Files.getLastModifiedTime(file).toInstant();
    Timestamp time =
        Timestamp.newBuilder()
            .setSeconds(changed.getEpochSecond())
            .setNanos(changed.getNano())
            .build();
    return InfoResponse.newBuilder()
        .setInfo(
            Info.newBuilder()
                .setDigest(request.getDigest())
                .setSize(Files.size(file))
                .setCreatedAt(time)
                .setUpdatedAt(time))
        .build();
  }

  private static Path found(Path store, Digest digest) {
    Path file = blob(store, digest);
    if (!Files.isRegularFile(file)) {
      throw BuildException.notFound("content " + digest + ": not found");
    }
    return file;
  }

  private static void read(MessageStream<ReadContentResponse, ReadContentRequest> call, Path store)
      throws IOException, InterruptedException {
    ReadContentRequest request = call.read();
    if (request == null) {
      throw BuildException.invalid("no request");
    }
    Path file = found(store, Digest.parse(request.getDigest()));
    long at = request.getOffset();
    long left = request.getSize() == 0 ? Long.MAX_VALUE : request.getSize();
    try (InputStream in = Files.newInputStream(file)) {
      in.skipNBytes(at);
      while (left > 0) {
        byte[] data = in.readNBytes((int) Math.min(ContentStores.CHUNK, left));
        if (data.length == 0) {
          break;
        }
        call.write(
            ReadContentResponse.newBuilder()
                .setOffset(at)
                .setData(ByteString.copyFrom(data))
                .build());
        at += data.length;
        left -= data.length;
      }
    }
  }

  private static void write(
      MessageStream<WriteContentResponse, WriteContentRequest> call, Path store)
      throws IOException, InterruptedException {
    try (Ingest ingest = new Ingest(store)) {
      for (WriteContentRequest request = call.read(); request != null; request = call.read()) {
        call.write(ingest.handle(request));
      }
    }
  }

  /** One blob being written. */
  private static final class Ingest implements AutoCloseable {
    private final Path store;
    private final Path file;
    private final OutputStream out;
    private final MessageDigest hash = Digest.newHash();
    private long written;
    private long total;
    private @Nullable Digest expected;

    Ingest(Path store) throws IOException {
      this.store = store;
      Path ingest = Files.createDirectories(store.resolve("ingest"));
      file = Files.createTempFile(ingest, "blob", "");
      out = Files.newOutputStream(file);
    }

    WriteContentResponse handle(WriteContentRequest request) throws IOException {
      if (request.getTotal() > 0) {
        total = request.getTotal();
      }
      if (!request.getExpected().isEmpty()) {
        expected = Digest.parse(request.getExpected());
      }
      Digest wanted = expected;
      if (wanted != null && Files.exists(blob(store, wanted))) {
        throw new BuildException(Category.ALREADY_EXISTS, "content " + wanted + ": already exists");
      }
      WriteContentResponse.Builder response =
          WriteContentResponse.newBuilder().setAction(request.getAction());
      if (request.getAction() == WriteAction.WRITE
          || (request.getAction() == WriteAction.COMMIT && !request.getData().isEmpty())) {
        if (request.getOffset() != written) {
          throw BuildException.invalid(
              "write at " + request.getOffset() + " where " + written + " were written");
        }
        request.getData().writeTo(out);
        hash.update(request.getData().asReadOnlyByteBuffer());
        written += request.getData().size();
      }
      if (request.getAction() == WriteAction.COMMIT) {
        response.setDigest(commit().toString());
      }
      return response.setOffset(written).setTotal(total).build();
    }

    private Digest commit() throws IOException {
      out.close();
      Digest actual = new Digest(Digest.Algorithm.SHA256, HexFormat.of().formatHex(hash.digest()));
      Digest wanted = expected;
      if ((wanted != null && !wanted.equals(actual)) || (total > 0 && total != written)) {
        throw new BuildException(
            Category.FAILED_PRECONDITION,
            "unexpected commit: " + written + " bytes, digest " + actual);
      }
      Path target = blob(store, actual);
      Files.createDirectories(store.resolve("blobs").resolve(actual.algorithm().text()));
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
      Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
      return actual;
    }

    @Override
    public void close() throws IOException {
      out.close();
      Files.deleteIfExists(file);
      Path ingest = file.getParent();
      try {
        if (ingest != null) {
          Files.deleteIfExists(ingest);
        }
      } catch (java.nio.file.DirectoryNotEmptyException e) {
        // another blob is being written
      }
    }
  }
}
