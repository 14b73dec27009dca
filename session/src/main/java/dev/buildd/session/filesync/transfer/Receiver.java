package dev.buildd.session.filesync.transfer;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.GoFileMode;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.OutputFile;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.TreeWalk;
import dev.buildd.session.rpc.Statuses;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The receiving side of a transfer. One thread reads packets: it checks entries, hands them on and
 * writes content where it belongs. Another walks the destination beside the entries, makes what is
 * missing, removes what is gone and asks for content.
 *
 * <p>The second never waits for content, so the first may wait for the second: that bounds what is
 * held in memory.
 */
public final class Receiver {
  private static final int METADATA_PERMISSIONS = 0644;
  private static final int QUEUE = 1024;

  private final PacketStream stream;
  private final Path destination;
  private final ReceiveOptions options;
  private final BlockingQueue<Entry> entries = new ArrayBlockingQueue<>(QUEUE);
  private final PathOrder order = new PathOrder();
  private final Wanted wanted;
  private final Object listening = new Object();
  private final Deque<Parent> parents = new ArrayDeque<>();
  private final List<FileStat> directories = new ArrayList<>();
  private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
  private volatile boolean finished;

  /** An entry told of; the end of the walk has none. */
  private record Entry(@Nullable FileStat stat, int id) {}

  /** A directory on the way to the entry told of last, in a metadata-only transfer. */
  private static final class Parent {
    final FileStat stat;
    final int id;
    boolean transferred;

    Parent(FileStat stat, int id, boolean transferred) {
      this.stat = stat;
      this.id = id;
      this.transferred = transferred;
    }
  }

  public Receiver(PacketStream stream, Path destination, ReceiveOptions options) {
    this.stream = stream;
    this.destination = destination;
    this.options = options;
    this.wanted = new Wanted(stream);
  }

  /** Transfers all; on failure the sender is told why. */
  public void run() throws Exception {
    try (Scope scope = Scope.open("receive " + destination)) {
      scope.fork("read packets", () -> PlatformThread.run("fsutil-read", this::readPackets));
      scope.fork("apply changes", () -> PlatformThread.run("fsutil-apply", this::applyChanges));
      scope.join();
    } catch (Exception e) {
      stream.offer(Packets.error(Statuses.textOf(e)));
      throw e;
    } finally {
      wanted.abandon();
    }
  }

  // ---- the reading thread

  private void readPackets() throws Exception {
    long bytes = 0;
    int id = 0;
    boolean walked = false;
    while (true) {
      Packet packet = stream.read();
      if (packet == null) {
        throw new IOException("unexpected end of the transfer");
      }
      bytes += packet.getSerializedSize();
      options.progress().at(bytes, false);
      switch (packet.getType()) {
        case PACKET_STAT -> {
          if (walked) {
            throw BuildException.invalid("an entry after the end of the walk");
          }
          if (packet.hasStat()) {
            received(StatMessages.fromProto(packet.getStat()), id++, packet);
          } else {
            walked = true;
            entries.put(new Entry(null, -1));
          }
        }
        case PACKET_DATA -> wanted.received(packet.getID(), packet.getData());
        case PACKET_ERR ->
            throw BuildException.unknown(
                "error from sender: " + packet.getData().toStringUtf8(), null);
        case PACKET_FIN -> {
          if (!finished) {
            throw BuildException.invalid("the sender ended a transfer that is not complete");
          }
          while (stream.read() != null) {
            // whatever follows the end is of no interest
          }
          options.progress().at(bytes, true);
          return;
        }
        default -> throw BuildException.invalid("unknown packet " + packet.getTypeValue());
      }
    }
  }

  private void received(FileStat stat, int id, Packet packet) throws InterruptedException {
    order.check(stat);
    if (options.metadataOnly().isEmpty()) {
      entries.put(new Entry(stat, id));
      return;
    }
    if (stat.path().equals(ReceiveOptions.METADATA_FILE)) {
      return;
    }
    byte[] message = packet.getStat().toByteArray();
    metadata.writeBytes(ByteBuffer.allocate(4).order(LITTLE_ENDIAN).putInt(message.length).array());
    metadata.writeBytes(message);
    while (!parents.isEmpty() && !stat.path().startsWith(parents.getLast().stat.path() + "/")) {
      parents.removeLast();
    }
    boolean transferred = options.metadataOnly().get().test(stat);
    if (transferred) {
      for (Parent parent : parents) {
        if (!parent.transferred) {
          parent.transferred = true;
          entries.put(new Entry(parent.stat, parent.id));
        }
      }
      entries.put(new Entry(stat, id));
    }
    if (stat.isDirectory()) {
      parents.addLast(new Parent(stat, id, transferred));
    }
  }

  // ---- the applying thread

  private void applyChanges() throws Exception {
    @Nullable TreeWalk old = options.merge() ? null : new TreeWalk(destination);
    @Nullable FileStat have = old == null ? null : old.next();
    Entry entry = entries.take();
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException("receiving into " + destination);
      }
      FileStat sent = entry.stat;
      if (sent == null && have == null) {
        break;
      }
      int side = sent == null ? -1 : have == null ? 1 : GoPath.compare(have.path(), sent.path());
      if (side < 0 && have != null && old != null) {
        remove(have);
        old.skipChildren();
        have = old.next();
        continue;
      }
      if (sent == null) {
        throw new IllegalStateException("an entry on neither side");
      }
      FileStat wished = options.filter().map(sent);
      if (wished != null && (side != 0 || have == null || !isSame(have, wished))) {
        apply(wished, entry.id, existing(wished, old == null, side == 0 ? have : null));
      }
      if (side == 0 && old != null) {
        if (wished != null && !wished.isDirectory()) {
          old.skipChildren();
        }
        have = old.next();
      }
      entry = entries.take();
    }
    wanted.awaitAll();
    for (FileStat directory : directories.reversed()) {
      Linux.utimensat(at(directory.path()), directory.modTime(), directory.modTime());
    }
    if (options.metadataOnly().isPresent()) {
      Path file = destination.resolve(ReceiveOptions.METADATA_FILE);
      removeTree(file); // whatever was there, a link perhaps, is not written through
      try (OutputFile out = OutputFile.create(file)) {
        out.write(ByteBuffer.wrap(metadata.toByteArray()));
        out.setPermissions(METADATA_PERMISSIONS);
      }
    }
    finished = true;
    stream.write(Packets.FIN);
  }

  private boolean isSame(FileStat have, FileStat wished) {
    if (options.differ() == ReceiveOptions.Differ.NONE) {
      return false;
    }
    return have.mode() == wished.mode()
        && have.uid() == wished.uid()
        && have.gid() == wished.gid()
        && have.devMajor() == wished.devMajor()
        && have.devMinor() == wished.devMinor()
        && have.linkName().equals(wished.linkName())
        && (have.isDirectory()
            || (have.size() == wished.size() && have.modTime() == wished.modTime()));
  }

  private Path at(String path) {
    return destination.resolve(path);
  }

  private void remove(FileStat have) throws IOException {
    removeTree(at(have.path()));
    publish(listener -> listener.removed(have.path()));
  }

  /** What has the name of an entry so far. */
  private enum Existing {
    NOTHING,
    DIRECTORY,
    OTHER
  }

  /**
   * @param merging whether nothing walks the destination beside the entries
   * @param walked what that walk is at, if it is the entry's name
   */
  private Existing existing(FileStat wished, boolean merging, @Nullable FileStat walked)
      throws IOException {
    if (merging) {
      @Nullable Stat stat = Linux.tryLstat(at(wished.path()));
      return stat == null
          ? Existing.NOTHING
          : stat.isDirectory() ? Existing.DIRECTORY : Existing.OTHER;
    }
    return walked == null
        ? Existing.NOTHING
        : walked.isDirectory() ? Existing.DIRECTORY : Existing.OTHER;
  }

  private void apply(FileStat stat, int id, Existing existing) throws Exception {
    Path target = at(stat.path());
    if (stat.isDirectory()) {
      directories.add(stat);
    }
    if (existing == Existing.DIRECTORY && stat.isDirectory()) {
      writeMetadata(target, stat);
      changed(stat);
      return;
    }
    Path fresh = existing == Existing.NOTHING ? target : target.resolveSibling(temporaryName());
    if (!stat.isDirectory() && !stat.isSpecial() && !stat.isSymlink() && !stat.isHardlink()) {
      Incoming incoming = new Incoming(stat, target);
      try {
        incoming.create(fresh);
        replace(existing, stat, fresh, target);
      } catch (IOException | RuntimeException e) {
        incoming.release();
        throw e;
      }
      wanted.want(incoming, id);
      return;
    }
    if (stat.isDirectory()) {
      Linux.mkdir(fresh, 0700);
    } else if (stat.isSpecial()) {
      Linux.mknod(
          fresh,
          GoFileMode.toUnix(stat.mode()),
          Linux.makeDevice(stat.devMajor(), stat.devMinor()));
    } else if (stat.isSymlink()) {
      Linux.symlink(stat.linkName(), fresh);
    } else {
      Linux.link(at(stat.linkName()), fresh);
    }
    if (!stat.isHardlink()) {
      writeMetadata(fresh, stat);
    }
    replace(existing, stat, fresh, target);
    changed(stat);
  }

  private static void replace(Existing existing, FileStat stat, Path fresh, Path target)
      throws IOException {
    if (existing == Existing.NOTHING) {
      return;
    }
    if ((existing == Existing.DIRECTORY) != stat.isDirectory()) {
      removeTree(target);
    }
    Linux.rename(fresh, target, 0);
  }

  private static String temporaryName() {
    return ".tmp." + Long.toUnsignedString(ThreadLocalRandom.current().nextLong(), 36);
  }

  private static void writeXattrs(Path file, FileStat stat) {
    for (Map.Entry<String, byte[]> xattr : stat.xattrs().entrySet()) {
      try {
        Linux.setxattr(file, xattr.getKey(), xattr.getValue());
      } catch (IOException e) {
        // as with fsutil: not every filesystem has them, not every user may set them
      }
    }
  }

  private static void writeMetadata(Path file, FileStat stat) throws IOException {
    writeXattrs(file, stat);
    Linux.lchown(file, stat.uid(), stat.gid());
    if (!stat.isSymlink()) {
      Linux.chmod(file, GoFileMode.permissions(stat.mode()));
    }
    Linux.utimensat(file, stat.modTime(), stat.modTime());
  }

  private static void removeTree(Path path) throws IOException {
    @Nullable Stat stat = Linux.tryLstat(path);
    if (stat == null) {
      return;
    }
    if (!stat.isDirectory()) {
      Linux.unlink(path);
      return;
    }
    for (Path child : FileNames.list(path)) {
      removeTree(child);
    }
    Linux.rmdir(path);
  }

  private void changed(FileStat stat) {
    publish(listener ->
        listener.changed(stat.path(), stat, listener.begin(stat.path(), stat).digest()));
  }

  private void publish(Consumer<ChangeListener> news) {
    if (options.listener().isPresent()) {
      synchronized (listening) {
        news.accept(options.listener().get());
      }
    }
  }

  /**
   * A file whose content is on its way. Made by the applying thread, which hands it to the reading
   * one with {@link Wanted#want}.
   */
  private final class Incoming {
    private final FileStat stat;
    private final Path file;
    private @Nullable OutputFile out;
    private @Nullable MessageDigest hash;

    Incoming(FileStat stat, Path file) {
      this.stat = stat;
      this.file = file;
    }

    /** Makes the file, under another name if its own is still taken. */
    void create(Path fresh) throws IOException {
      out = OutputFile.create(fresh);
    }

    void write(ByteString data) throws IOException {
      MessageDigest over = hash();
      for (ByteBuffer part : data.asReadOnlyByteBufferList()) {
        if (over != null) {
          over.update(part.duplicate());
        }
        out().write(part);
      }
    }

    private OutputFile out() throws IOException {
      OutputFile open = out;
      if (open == null) {
        open = OutputFile.open(file);
        out = open;
      }
      return open;
    }

    private @Nullable MessageDigest hash() {
      if (hash == null) {
        publish(listener -> hash = listener.begin(stat.path(), stat));
      }
      return hash;
    }

    void end() throws IOException {
      MessageDigest over = hash();
      writeXattrs(file, stat);
      out().setOwner(stat.uid(), stat.gid());
      out().setPermissions(GoFileMode.permissions(stat.mode()));
      out().setTimes(stat.modTime(), stat.modTime());
      release();
      if (over != null) {
        publish(listener -> listener.changed(stat.path(), stat, over.digest()));
      }
    }

    /** Closes the file; it is opened again when its content comes. */
    void release() throws IOException {
      OutputFile open = out;
      out = null;
      if (open != null) {
        open.close();
      }
    }
  }

  /** Content that was asked for, or is to be. */
  private static final class Wanted {
    // a sender that stops reading at its own limit still lets this many requests into its window
    private static final int LIMIT = 1024;
    private static final int OPEN_LIMIT = 256; // of descriptors that wait for content

    private record Waiting(Incoming file, int id) {}

    private final PacketStream stream;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition emptied = lock.newCondition();

    @GuardedBy("lock")
    private final Map<Integer, Incoming> requested = new HashMap<>();

    @GuardedBy("lock")
    private final Deque<Waiting> waiting = new ArrayDeque<>();

    Wanted(PacketStream stream) {
      this.stream = stream;
    }

    void want(Incoming file, int id) throws Exception {
      lock.lock();
      try {
        if (requested.size() >= OPEN_LIMIT) {
          file.release();
        }
        if (requested.size() >= LIMIT) {
          waiting.add(new Waiting(file, id));
          return;
        }
        requested.put(id, file);
      } finally {
        lock.unlock();
      }
      stream.write(Packets.request(id));
    }

    void received(int id, ByteString data) throws Exception {
      Incoming file;
      lock.lock();
      try {
        file = requested.get(id);
      } finally {
        lock.unlock();
      }
      if (file == null) {
        throw BuildException.invalid(
            "content that was not asked for, of entry " + Integer.toUnsignedString(id));
      }
      if (!data.isEmpty()) {
        file.write(data);
        return;
      }
      file.end();
      @Nullable Waiting next;
      lock.lock();
      try {
        requested.remove(id);
        next = waiting.poll();
        if (next != null) {
          requested.put(next.id, next.file);
        } else if (requested.isEmpty()) {
          emptied.signalAll();
        }
      } finally {
        lock.unlock();
      }
      if (next != null) {
        stream.write(Packets.request(next.id));
      }
    }

    void awaitAll() throws InterruptedException {
      lock.lockInterruptibly();
      try {
        while (!requested.isEmpty()) {
          emptied.await();
        }
      } finally {
        lock.unlock();
      }
    }

    void abandon() {
      List<Incoming> all;
      lock.lock();
      try {
        all = List.copyOf(requested.values());
      } finally {
        lock.unlock();
      }
      for (Incoming file : all) {
        Cleanup.run("close " + file.file, file::release);
      }
    }
  }
}
