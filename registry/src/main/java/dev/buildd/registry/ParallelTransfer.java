package dev.buildd.registry;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.http.ContentRange;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A large blob that comes in pieces, over as many connections as its registry has places that
 * nobody waits for, and is handed on in order. Connections join when a place becomes free and leave
 * when somebody waits for one; the last one goes on without asking for every piece.
 *
 * <p>Of each connection no more than two pieces are in memory. Belongs to one thread.
 */
final class ParallelTransfer {
  /** Large enough that a connection has more to do with bytes than with requests and redirects. */
  static final int PIECE = 4 << 20;

  /** Below it, all is here before further connections have been made and become fast. */
  static final long WORTHWHILE = 4L * PIECE;

  private static final int PIECES_EACH = 2; // one arrives while the other is handed on

  private final Descriptor blob;
  private final BlobSink sink;
  private final Endpoints endpoints;
  private final TransferSlots slots;
  private final Map<RegistryClient.Endpoint, String> tags = new ConcurrentHashMap<>();
  private volatile Endpoints left; // those that have not failed

  private final ArrayDeque<Piece> taken = new ArrayDeque<>(); // in order, guarded by this
  private final ArrayDeque<byte[]> buffers = new ArrayDeque<>(); // unused, guarded by this
  private long untaken; // offset of the first byte that nobody fetches, guarded by this
  private int fetchers = 1; // guarded by this
  private boolean parted; // whether the server was seen to give parts, guarded by this
  private boolean refused; // whether it gave something else, guarded by this
  private boolean over; // no more is to come, guarded by this

  /** A part of the blob. One thread fetches it while another hands it on. */
  private static final class Piece {
    final long start;
    final int length;
    final byte[] bytes;
    int arrived; // guarded by the transfer

    Piece(long start, int length, byte[] bytes) {
      this.start = start;
      this.length = length;
      this.bytes = bytes;
    }

    long end() {
      return start + length;
    }
  }

  /**
   * @param slots whose places are taken besides the caller's own
   */
  ParallelTransfer(Descriptor blob, BlobSink sink, Endpoints endpoints, TransferSlots slots) {
    this.blob = blob;
    this.sink = sink;
    this.endpoints = endpoints;
    this.left = endpoints;
    this.slots = slots;
  }

  /**
   * Brings the blob.
   *
   * @return whether all is there; if not, the server gives no proper parts of this blob, and what
   *     is missing must be asked for without them
   */
  boolean run() throws Exception {
    try (Scope scope = Scope.open("pieces of " + blob.digest())) {
      scope.fork("fetch " + blob.digest(), () -> fetch(true));
      while (sink.offset() < blob.size()) {
        if (!handOn()) {
          if (isRefused()) {
            return false;
          }
          scope.join(); // throws why
        }
        callOthers(scope);
      }
      return true;
    }
  }

  /**
   * Waits for bytes and hands them on.
   *
   * @return false if none will come
   */
  private boolean handOn() throws InterruptedException {
    Piece piece;
    int from;
    int to;
    synchronized (this) {
      while (!over && !hasArrived()) {
        wait();
      }
      if (!hasArrived()) {
        return false;
      }
      piece = taken.getFirst();
      from = (int) (sink.offset() - piece.start);
      to = piece.arrived;
    }
    sink.write(piece.bytes, from, to - from);
    if (to == piece.length) {
      synchronized (this) {
        buffers.add(taken.removeFirst().bytes);
        notifyAll();
      }
    }
    return true;
  }

  private synchronized boolean hasArrived() {
    return !taken.isEmpty() && taken.getFirst().start + taken.getFirst().arrived > sink.offset();
  }

  private synchronized boolean isRefused() {
    return refused;
  }

  /** Starts further connections where there are places, and pieces, for them. */
  private void callOthers(Scope scope) {
    while (hasWorkForAnother()) {
      Optional<TransferSlots.Slot> slot = slots.spare();
      if (slot.isEmpty()) {
        return;
      }
      synchronized (this) {
        fetchers++;
        notifyAll();
      }
      scope.fork(
          "fetch part of " + blob.digest(),
          () -> {
            try (TransferSlots.Slot _ = slot.get()) {
              fetch(false);
            }
          });
    }
  }

  private synchronized boolean hasWorkForAnother() {
    return parted && !over && blob.size() - untaken > (long) fetchers * PIECE;
  }

  /**
   * @param stays until all is taken, whoever waits for a place
   */
  private void fetch(boolean stays) throws Exception {
    boolean failed = true;
    try {
      new Fetcher(stays).run();
      failed = false;
    } finally {
      synchronized (this) {
        fetchers--;
        over |= failed;
        notifyAll();
      }
    }
  }

  private synchronized void refuse() {
    refused = true;
    over = true;
    notifyAll();
  }

  /** The next piece, once there is memory for it; null if there is none to fetch. */
  private synchronized @Nullable Piece take() throws InterruptedException {
    while (!over && untaken < blob.size() && taken.size() >= PIECES_EACH * fetchers) {
      wait();
    }
    if (over || untaken == blob.size()) {
      return null;
    }
    byte[] buffer = buffers.isEmpty() ? new byte[PIECE] : buffers.removeFirst();
    Piece piece = new Piece(untaken, (int) Math.min(PIECE, blob.size() - untaken), buffer);
    untaken = piece.end();
    taken.add(piece);
    return piece;
  }

  private synchronized void arrived(Piece piece, int bytes) {
    piece.arrived += bytes;
    notifyAll();
  }

  /** Whether an answer may be as long as it likes, for nobody else is to fetch a part of it. */
  private synchronized boolean isAlone() {
    return fetchers == 1;
  }

  private synchronized boolean isParted() {
    return parted;
  }

  private synchronized void setParted() {
    parted = true;
  }

  /** One connection's work: piece after piece. */
  private final class Fetcher implements Endpoints.Question<Boolean> {
    private final boolean stays;
    private @Nullable Piece piece;
    private long position; // of the next byte that is to arrive

    Fetcher(boolean stays) {
      this.stays = stays;
    }

    void run() throws Exception {
      next();
      while (piece != null) {
        left.ask(this);
      }
    }

    private void next() throws InterruptedException {
      piece = !stays && slots.isAwaited() ? null : take();
      position = piece == null ? position : piece.start;
    }

    @Override
    public String path() {
      return "/blobs/" + blob.digest();
    }

    @Override
    public String subject() {
      return ": blob " + blob.digest();
    }

    @Override
    public Map<String, String> headers() {
      // the first request shows whether others can help, and may be for one piece only if they do
      boolean open = isParted() && isAlone();
      String end = open || piece == null ? "" : String.valueOf(piece.end() - 1);
      return Map.of("Range", "bytes=" + position + "-" + end);
    }

    @Override
    public long progress() {
      return position;
    }

    @Override
    public Boolean read(Endpoints.Answer answer) throws Exception {
      long end = end(answer);
      if (end < 0) {
        refuse();
        piece = null;
        return false;
      }
      left = endpoints.from(answer.endpoint());
      if (answer.status() == 200) {
        answer.body().skipNBytes(position);
      }
      long reached = position;
      while (piece != null && position == reached && position < end) {
        fill(piece, Math.min(piece.end(), end), answer.body());
        reached = position;
        if (position == piece.end()) {
          next();
        }
      }
      return true;
    }

    /** Where an answer ends that begins, or can be made to begin, at the position; else -1. */
    private long end(Endpoints.Answer answer) {
      if (answer.status() == 200) {
        long length = answer.headers().firstValueAsLong("Content-Length").orElse(blob.size());
        return isAlone() && length == blob.size() ? length : -1;
      }
      String tag = answer.header("ETag");
      String known = tags.putIfAbsent(answer.endpoint(), tag);
      Optional<ContentRange> range = ContentRange.of(answer.header("Content-Range"));
      boolean proper =
          range.isPresent()
              && range.get().start() == position
              && range.get().total().orElse(blob.size()) == blob.size()
              && range.get().end() <= blob.size()
              && (known == null || known.equals(tag));
      if (proper) {
        setParted();
      }
      return proper ? range.get().end() : -1;
    }

    private void fill(Piece piece, long end, InputStream body) throws IOException {
      while (position < end) {
        int at = (int) (position - piece.start);
        int n = body.read(piece.bytes, at, (int) (end - position));
        if (n < 0) {
          throw new IOException("answer ended after " + position + " of " + blob.size() + " bytes");
        }
        position += n;
        arrived(piece, n);
      }
    }
  }
}
