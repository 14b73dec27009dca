package dev.buildd.session.filesync.transfer;

import dev.buildd.proto.fsutil.Packet;
import org.jspecify.annotations.Nullable;

/** The connection over which a tree is transferred. */
public interface PacketStream {
  /** The next packet, or null when the peer has sent all. */
  @Nullable Packet read() throws Exception;

  void write(Packet packet) throws Exception;

  /** Sends the packet if that takes no waiting. */
  boolean offer(Packet packet);
}
