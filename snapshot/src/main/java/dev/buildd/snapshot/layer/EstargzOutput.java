package dev.buildd.snapshot.layer;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.io.BlockInput;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.FileNames;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Takes a layer's archive and writes it as {@link Estargz}, as BuildKit does: what is written comes
 * out unchanged by gzip; files are cut into pieces of 4 MiB, each in a member of its own that goes
 * on with the headers after it. Of files that are to be fetched first it says nothing.
 *
 * <p>The archive is read again by a thread of its own. Used by one thread, which must not be one of
 * those that burn processor time.
 */
public final class EstargzOutput extends OutputStream {
  private static final int CHUNK = 4 << 20;
  private static final int PIPE = 1 << 20;
  private static final int BUFFER = 64 << 10;
  private static final long SECOND = 1_000_000_000L;

  private final OutputStream out;
  private final GzipOutput gzip;
  private final MessageDigest whole = Digest.newHash();
  private final List<TocFile> files = new ArrayList<>();
  private final PipedOutputStream pipe = new PipedOutputStream();
  private final Scope scope = Scope.open("eStargz");
  private long size;
  private boolean closed;
  private boolean failed; // as the writer has been told
  private @Nullable Digest diffId;
  private @Nullable Digest tocDigest;

  /** A file of the TOC with what holds its content. */
  private record TocFile(TarEntry entry, Optional<Digest> digest, List<Chunk> chunks) {}

  /** A piece of a file, alone at the beginning of a member. */
  private record Chunk(GzipOutput.Member member, long offset, long size, Digest digest) {}

  EstargzOutput(OutputStream out, int level) throws IOException {
    this.out = out;
    this.gzip = new GzipOutput(out, level);
    PipedInputStream archive = new PipedInputStream(pipe, PIPE);
    scope.fork(
        "eStargz",
        () ->
            Threads.nativeCalls()
                .call(() -> {
                  try (archive) { // so that a writer does not wait for a reader that failed
                    read(new Passing(archive));
                  }
                  return true;
                }));
  }

  /** What is read of the archive goes on to gzip. */
  private final class Passing extends BlockInput {
    private final InputStream in;

    Passing(InputStream in) {
      this.in = in;
    }

    @Override
    public int read(byte[] to, int at, int length) throws IOException {
      int n = in.read(to, at, length);
      if (n > 0) {
        pack(to, at, n);
      }
      return n;
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  private void pack(byte[] from, int at, int length) throws IOException {
    gzip.write(from, at, length);
    whole.update(from, at, length);
    size += length;
  }

  private void read(InputStream archive) throws IOException {
    TarReader tar = new TarReader(archive);
    for (Optional<TarEntry> next = tar.next(); next.isPresent(); next = tar.next()) {
      TarEntry entry = next.get();
      if (entry.name().equals(Estargz.TOC_NAME)) {
        throw BuildException.invalid(
            "existing TOC JSON is not allowed; decompress layer before append");
      }
      if (!entry.data().isEmpty()) {
        throw BuildException.invalid(
            "a layer with sparse files cannot be eStargz: " + entry.name());
      }
      files.add(
          entry.type() == TarEntry.Type.FILE
              ? content(entry, tar.content())
              : new TocFile(entry, Optional.empty(), List.of()));
    }
    archive.transferTo(OutputStream.nullOutputStream()); // what follows the end marks belongs to it
  }

  private TocFile content(TarEntry entry, InputStream content) throws IOException {
    MessageDigest ofFile = Digest.newHash();
    List<Chunk> chunks = new ArrayList<>();
    byte[] buffer = new byte[(int) Math.min(BUFFER, entry.size())];
    for (long at = 0; at < entry.size(); at += CHUNK) {
      GzipOutput.Member member = gzip.nextMember();
      MessageDigest ofChunk = Digest.newHash();
      long length = Math.min(CHUNK, entry.size() - at);
      for (long left = length; left > 0; ) {
        int n = content.read(buffer, 0, (int) Math.min(buffer.length, left));
        ofChunk.update(buffer, 0, n);
        ofFile.update(buffer, 0, n);
        left -= n;
      }
      chunks.add(new Chunk(member, at, length, Digest.ofHash(ofChunk.digest())));
    }
    return new TocFile(entry, Optional.of(Digest.ofHash(ofFile.digest())), List.copyOf(chunks));
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] from, int at, int length) throws IOException {
    try {
      pipe.write(from, at, length);
      pipe.flush(); // wakes the reader, which else looks once a second
    } catch (IOException e) {
      failed = true;
      throw reading(e);
    }
  }

  /** Why the archive is not read any further. */
  private IOException reading(@Nullable IOException closedPipe) throws IOException {
    try {
      scope.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("compressing");
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e);
    }
    return closedPipe == null ? new IOException("archive ended early") : closedPipe;
  }

  /** Adds the TOC, unless writing has failed, and closes the stream below. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try (out;
        scope) {
      pipe.close();
      if (failed) {
        return;
      }
      reading(null);
      GzipOutput.Member member = gzip.nextMember();
      gzip.flushMembers();
      byte[] toc = Json.bytes(toc());
      tocDigest = Digest.of(toc);
      try (TarWriter tar = new TarWriter(new Packing())) {
        tar.add(
            new TarEntry(
                Estargz.TOC_NAME,
                TarEntry.Type.FILE,
                "",
                toc.length,
                0,
                0,
                0,
                0,
                0,
                0,
                Map.of(),
                List.of()),
            () -> new ByteArrayInputStream(toc));
      }
      gzip.finish();
      out.write(Estargz.footer(member.offset()));
      diffId = Digest.ofHash(whole.digest());
    }
  }

  private final class Packing extends OutputStream {
    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] from, int at, int length) throws IOException {
      pack(from, at, length);
    }
  }

  /** The digest of all that gunzip makes of the output, the TOC included; known once closed. */
  public Digest diffId() {
    return known(diffId);
  }

  /** What manifests say of such a layer; known once closed. */
  public Map<String, String> annotations() {
    return Map.of(
        Estargz.TOC_DIGEST,
        known(tocDigest).toString(),
        Estargz.UNCOMPRESSED_SIZE,
        Long.toString(size));
  }

  private static Digest known(@Nullable Digest digest) {
    if (digest == null) {
      throw new IllegalStateException("not closed yet");
    }
    return digest;
  }

  private Map<String, Object> toc() {
    List<Object> entries = new ArrayList<>();
    for (TocFile file : files) {
      if (file.chunks.isEmpty()) {
        entries.add(json(file, Optional.empty()));
      }
      for (Chunk chunk : file.chunks) {
        entries.add(chunk.offset == 0 ? json(file, Optional.of(chunk)) : json(file.entry, chunk));
      }
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("version", 1);
    out.put("entries", entries);
    return out;
  }

  private static Map<String, Object> json(TocFile file, Optional<Chunk> chunk) {
    TarEntry entry = file.entry;
    boolean directory = entry.type() == TarEntry.Type.DIRECTORY;
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", text(entry.name()) + (directory ? "/" : ""));
    out.put("type", type(entry.type()));
    put(out, "size", entry.type() == TarEntry.Type.FILE ? entry.size() : 0);
    long seconds = Math.floorDiv(entry.mtimeNanos() + SECOND / 2, SECOND);
    if (seconds != 0) {
      out.put("modtime", Instant.ofEpochSecond(seconds).toString());
    }
    if (entry.type() == TarEntry.Type.SYMLINK || entry.type() == TarEntry.Type.HARD_LINK) {
      out.put("linkName", text(entry.linkName()));
    }
    put(out, "mode", entry.mode());
    put(out, "uid", Integer.toUnsignedLong(entry.uid()));
    put(out, "gid", Integer.toUnsignedLong(entry.gid()));
    chunk.ifPresent(first -> put(out, "offset", first.member.offset()));
    put(out, "devMajor", entry.devMajor());
    put(out, "devMinor", entry.devMinor());
    if (!entry.xattrs().isEmpty()) {
      Map<String, Object> xattrs = new TreeMap<>();
      entry
          .xattrs()
          .forEach((name, value) -> xattrs.put(name, Base64.getEncoder().encodeToString(value)));
      out.put("xattrs", xattrs);
    }
    file.digest.ifPresent(digest -> out.put("digest", digest.toString()));
    chunk.ifPresent(first -> piece(out, first));
    return out;
  }

  private static Map<String, Object> json(TarEntry entry, Chunk chunk) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", text(entry.name()));
    out.put("type", "chunk");
    put(out, "offset", chunk.member.offset());
    piece(out, chunk);
    return out;
  }

  private static void piece(Map<String, Object> out, Chunk chunk) {
    put(out, "chunkOffset", chunk.offset);
    put(out, "chunkSize", chunk.size == CHUNK ? CHUNK : 0); // of the rest of a file none is told
    out.put("chunkDigest", chunk.digest.toString());
  }

  private static void put(Map<String, Object> out, String name, long value) {
    if (value != 0) {
      out.put(name, value);
    }
  }

  /** As Go writes a name into JSON, which cannot hold bytes that are not UTF-8. */
  private static String text(String name) {
    return new String(FileNames.bytes(name), StandardCharsets.UTF_8);
  }

  private static String type(TarEntry.Type type) {
    return switch (type) {
      case FILE -> "reg";
      case HARD_LINK -> "hardlink";
      case SYMLINK -> "symlink";
      case CHARACTER_DEVICE -> "char";
      case BLOCK_DEVICE -> "block";
      case DIRECTORY -> "dir";
      case FIFO -> "fifo";
    };
  }
}
