package dev.buildd.session.filesync;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.filesync.FileSyncGrpc;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.Session;
import dev.buildd.session.filesync.source.FileSyncRequest;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import dev.buildd.session.filesync.transfer.Receiver;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.session.rpc.Statuses;
import io.grpc.CallOptions;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;

/** Fetches a client's files. */
public final class FileSync {
  /** The method that a session must support. */
  public static final String METHOD = "/" + FileSyncGrpc.getDiffCopyMethod().getFullMethodName();

  // fsutil sends 32 KiB of content at once; an entry is larger only by its extended attributes
  private static final int MAX_PACKET = 4 << 20;

  private FileSync() {}

  /**
   * Makes the destination equal to what was asked for. Files that are there already and look the
   * same are not transferred again, so the destination may hold the result of an earlier transfer.
   * An interrupt ends the transfer.
   */
  public static void receive(
      Session session, FileSyncRequest request, Path destination, ReceiveOptions options)
      throws Exception {
    if (!session.supports(METHOD)) {
      throw new BuildException(Category.UNKNOWN, "no local sources enabled");
    }
    try (MessageStream<Packet, Packet> call =
        MessageStream.call(
            session.channel(),
            FileSyncGrpc.getDiffCopyMethod(),
            Headers.of(request),
            CallOptions.DEFAULT.withMaxInboundMessageSize(MAX_PACKET))) {
      new Receiver(new GrpcPackets(call), destination, options).run();
      call.halfClose();
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("transferring " + request.dirName(), e);
    }
  }
}
