package dev.buildd.session.filesync.transfer;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.session.rpc.Statuses;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The sending side of a transfer. One thread tells of the tree, one sends the content of files that
 * were asked for, one reads what the receiver asks.
 */
public final class Sender {
  private static final int CHUNK = 256 << 10;
  private static final int COPIED = CHUNK / 4; // up to which copying costs less than a new buffer
  private static final int END = -1;

  private final PacketStream stream;
  private final FsSource source;
  private final ReceiveOptions.Progress progress;
  private final AtomicLong bytes = new AtomicLong();
  // no longer than the walk, for each file is sent once
  private final BlockingQueue<Integer> requests = new LinkedBlockingQueue<>();
  private byte[] buffer = new byte[CHUNK]; // of the thread that sends content
  private final Object lock = new Object();

  @GuardedBy("lock")
  private final Map<Integer, String> files = new HashMap<>();

  public Sender(PacketStream stream, FsSource source, ReceiveOptions.Progress progress) {
    this.stream = stream;
    this.source = source;
    this.progress = progress;
  }

  /** Transfers all that the receiver asks for; on failure the receiver is told why. */
  public void run() throws Exception {
    try (Scope scope = Scope.open("send files")) {
      scope.fork("walk", () -> PlatformThread.run("fsutil-walk", this::walk));
      scope.fork("send content", () -> PlatformThread.run("fsutil-send", this::sendContent));
      scope.fork("read requests", this::readRequests);
      scope.join();
    } catch (Exception e) {
      stream.offer(Packets.error(Statuses.textOf(e)));
      throw e;
    }
    progress.at(bytes.get(), true);
  }

  private void walk() throws Exception {
    Map<String, String> named = new HashMap<>(); // hardlinks, by the path that the source names
    int[] next = {0};
    source.walk(stat -> {
      FileStat sent = stat;
      if (!stat.isDirectory() && !stat.isSymlink() && !stat.linkName().isEmpty()) {
        // the first name may have been filtered out
        String first = named.putIfAbsent(stat.linkName(), stat.path());
        sent = stat.withLinkName(first == null || first.equals(stat.path()) ? "" : first);
      }
      if (!stat.isDirectory() && !stat.isSymlink()) {
        named.putIfAbsent(stat.path(), stat.path());
      }
      if (stat.isRegular()) {
        synchronized (lock) {
          files.put(next[0], stat.path());
        }
      }
      next[0]++;
      write(Packets.stat(sent));
      return true;
    });
    write(Packets.END_OF_WALK);
  }

  private void write(Packet packet) throws IOException, InterruptedException {
    try {
      stream.write(packet);
    } catch (InterruptedException | IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e);
    }
    progress.at(bytes.addAndGet(packet.getSerializedSize()), false);
  }

  private void readRequests() throws Exception {
    while (true) {
      Packet packet = stream.read();
      if (packet == null) {
        throw new IOException("unexpected end of the transfer");
      }
      switch (packet.getType()) {
        case PACKET_REQ -> {
          synchronized (lock) {
            if (!files.containsKey(packet.getID())) {
              throw BuildException.invalid(
                  "invalid file id " + Integer.toUnsignedString(packet.getID()));
            }
          }
          requests.add(packet.getID());
        }
        case PACKET_FIN -> {
          requests.add(END);
          stream.write(Packets.FIN);
          return;
        }
        case PACKET_ERR ->
            throw BuildException.unknown(
                "error from receiver: " + packet.getData().toStringUtf8(), null);
        default -> {} // a receiver has nothing else to say
      }
    }
  }

  private void sendContent() throws Exception {
    for (int id = requests.take(); id != END; id = requests.take()) {
      @Nullable String path;
      synchronized (lock) {
        path = files.remove(id);
      }
      if (path == null) {
        throw BuildException.invalid("file id " + id + " was asked for twice");
      }
      try (InputStream in = source.open(path)) {
        int n;
        do {
          n = in.readNBytes(buffer, 0, CHUNK);
          if (n > 0) {
            write(Packets.data(id, handedOn(n), n));
          }
        } while (n == CHUNK);
      } catch (NoSuchFileException e) {
        // removed since the walk: taken for empty, as fsutil does
      }
      write(Packets.endOfData(id));
    }
  }

  /** What was read last, in an array for the packet alone. Most files are small. */
  private byte[] handedOn(int length) {
    if (length < COPIED) {
      return Arrays.copyOf(buffer, length);
    }
    byte[] full = buffer;
    buffer = new byte[CHUNK];
    return full;
  }
}
