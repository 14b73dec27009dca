package dev.buildd.snapshot.content;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.snapshot.LayerFiles;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Blobs as files of a directory, and what keeps them: one lock sees to it that a blob is either
 * found and kept, or collected.
 *
 * <p>What stays are the manifests, configs and layers of images that a ref was made from or became,
 * and what other parts of the daemon put here.
 */
public final class LocalContentStore implements ContentStore, LeaseManager {
  private static final Logger log = LoggerFactory.getLogger(ContentStore.class);

  private final Path blobs;
  private final Path ingest;
  private final AtomicLong next = new AtomicLong();
  private final Object lock = new Object();
  private final Map<Digest, Integer> holds = new HashMap<>(); // guarded by lock
  private int leases; // guarded by lock
  private final Set<Digest> leased = new HashSet<>(); // what was used meanwhile; guarded by lock
  private long total = -1; // allocated bytes of all blobs once they were counted; guarded by lock

  private final class BlobLease implements Lease {
    private final Digest digest;
    private boolean open = true;

    private BlobLease(Digest digest) {
      this.digest = digest;
    }

    @Override
    public void close() {
      synchronized (lock) {
        if (open) {
          open = false;
          holds.computeIfPresent(digest, (d, count) -> count == 1 ? null : count - 1);
        }
      }
    }
  }

  private final class BuildLease implements Lease {
    private boolean open = true; // guarded by lock

    @Override
    public void close() {
      synchronized (lock) {
        if (open) {
          open = false;
          if (--leases == 0) {
            leased.clear();
          }
        }
      }
    }
  }

  private LocalContentStore(Path root) throws IOException {
    this.blobs = root.resolve("blobs");
    this.ingest = root.resolve("ingest");
    FileTree.delete(ingest);
    Files.createDirectories(ingest);
    Files.createDirectories(blobs.resolve("sha256"));
  }

  public static LocalContentStore open(Path root) {
    return FileFailures.wrap("open content store " + root, () -> new LocalContentStore(root));
  }

  private Path path(Digest digest) {
    return blobs.resolve(digest.algorithm().text()).resolve(digest.hex());
  }

  @Override
  public Optional<BlobInfo> info(Digest digest) {
    use(digest);
    return FileFailures.wrap("blob " + digest, () -> info(digest, path(digest)));
  }

  private static Optional<BlobInfo> info(Digest digest, Path path) throws IOException {
    Stat stat = Linux.tryLstat(path);
    return stat == null
        ? Optional.empty()
        : Optional.of(
            new BlobInfo(digest, stat.size(), Instant.ofEpochSecond(0, stat.mtimeNanos())));
  }

  private static long allocated(Path path) throws IOException {
    Stat stat = Linux.tryLstat(path);
    return stat == null ? 0 : stat.blocks() * 512;
  }

  @Override
  public long bytes(Digest digest) {
    return FileFailures.wrap("measure blob " + digest, () -> allocated(path(digest)));
  }

  @Override
  public long bytes() {
    return FileFailures.wrap(
        "measure blobs",
        () -> {
          synchronized (lock) {
            if (total < 0) {
              long sum = 0;
              for (Path directory : LayerFiles.list(blobs)) {
                for (Path path : LayerFiles.list(directory)) {
                  sum += allocated(path);
                }
              }
              total = sum;
            }
            return total;
          }
        });
  }

  /** Under the lock: notes that a blob's file comes or goes. */
  private void changed(long bytes) {
    if (total >= 0) {
      total += bytes;
    }
  }

  @Override
  public List<BlobInfo> list() {
    return FileFailures.wrap(
        "list blobs",
        () -> {
          List<BlobInfo> out = new ArrayList<>();
          for (Path directory : LayerFiles.list(blobs)) {
            for (Path path : LayerFiles.list(directory)) {
              Digest digest = Digest.parse(directory.getFileName() + ":" + path.getFileName());
              info(digest, path).ifPresent(out::add);
            }
          }
          return out;
        });
  }

  @Override
  public InputStream read(Digest digest, long offset) {
    use(digest);
    return FileFailures.wrap(
        "read blob " + digest,
        () -> {
          try {
            InputStream in = Files.newInputStream(path(digest));
            in.skipNBytes(offset);
            return in;
          } catch (NoSuchFileException e) {
            throw absent(digest, e);
          }
        });
  }

  @Override
  public byte[] readAll(Digest digest) {
    use(digest);
    return FileFailures.wrap(
        "read blob " + digest,
        () -> {
          try {
            return Files.readAllBytes(path(digest));
          } catch (NoSuchFileException e) {
            throw absent(digest, e);
          }
        });
  }

  private static BuildException absent(Digest digest, Throwable cause) {
    return new BuildException(Category.NOT_FOUND, "content " + digest + ": not found", cause);
  }

  @Override
  public void delete(Digest digest) {
    FileFailures.run(
        "delete blob " + digest,
        () -> {
          try {
            synchronized (lock) {
              long bytes = allocated(path(digest));
              Files.delete(path(digest));
              changed(-bytes);
            }
          } catch (NoSuchFileException e) {
            throw absent(digest, e);
          }
        });
  }

  @Override
  public Digest put(byte[] content) {
    Digest digest = Digest.of(content);
    if (info(digest).isEmpty()) {
      try (Writer writer = write(digest, content.length)) {
        FileFailures.run("write blob " + digest, () -> writer.stream().write(content));
        writer.commit();
      }
    }
    return digest;
  }

  @Override
  public Lease open() {
    synchronized (lock) {
      leases++;
    }
    return new BuildLease();
  }

  /** Before looking: a collection either sees this, or takes the blob away before it is found. */
  private void use(Digest digest) {
    synchronized (lock) {
      if (leases > 0) {
        leased.add(digest);
      }
    }
  }

  @Override
  public Lease hold(Digest digest) {
    synchronized (lock) {
      holds.merge(digest, 1, Integer::sum);
    }
    return new BlobLease(digest);
  }

  @Override
  public int holds() {
    synchronized (lock) {
      return holds.values().stream().mapToInt(count -> count).sum();
    }
  }

  @Override
  public long collect(Predicate<Digest> needed, Duration age) {
    Instant limit = Instant.now().minus(age);
    long freed = 0;
    for (BlobInfo info : list()) {
      if (info.createdAt().isBefore(limit) && !needed.test(info.digest())) {
        freed +=
            FileFailures.wrap("collect blob " + info.digest(), () -> deleteUnheld(info.digest()));
      }
    }
    return freed;
  }

  private long deleteUnheld(Digest digest) throws IOException {
    synchronized (lock) { // whoever uses it either comes before, or finds nothing
      if (holds.containsKey(digest) || leased.contains(digest)) {
        return 0;
      }
      log.debug("collect blob digest={}", digest);
      long bytes = allocated(path(digest));
      Files.deleteIfExists(path(digest));
      changed(-bytes);
      return bytes;
    }
  }

  @Override
  public Writer write(Digest expected, long size) {
    return write(Optional.of(expected), size);
  }

  @Override
  public Writer writeNew() {
    return write(Optional.empty(), -1);
  }

  private Writer write(Optional<Digest> expected, long size) {
    return FileFailures.wrap(
        "write blob " + expected.map(Digest::toString).orElse(""),
        () ->
            new FileWriter(expected, size, ingest.resolve(Long.toString(next.incrementAndGet()))));
  }

  private final class FileWriter implements Writer {
    private final Optional<Digest> expected;
    private final long size;
    private final Path file;
    private final FileOutputStream out;
    private final MessageDigest hash;
    private long written;
    private @Nullable Digest actual;
    private boolean committed;

    private FileWriter(Optional<Digest> expected, long size, Path file) throws IOException {
      this.expected = expected;
      this.size = size;
      this.file = file;
      this.out = new FileOutputStream(file.toFile());
      this.hash = algorithm().newHash();
    }

    private Digest.Algorithm algorithm() {
      return expected.map(Digest::algorithm).orElse(Digest.Algorithm.SHA256);
    }

    private String name() {
      return expected.map(Digest::toString).orElse("without a digest yet");
    }

    @Override
    public OutputStream stream() {
      return new OutputStream() {
        @Override
        public void write(int b) throws IOException {
          write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] from, int at, int length) throws IOException {
          if (size >= 0 && length > size - written) {
            throw mismatch("unexpected commit size, more than " + size);
          }
          out.write(from, at, length);
          hash.update(from, at, length);
          written += length;
        }
      };
    }

    @Override
    public long written() {
      return written;
    }

    private BuildException mismatch(String text) {
      return new BuildException(
          Category.FAILED_PRECONDITION, text + ", expected " + name() + ": failed precondition");
    }

    @Override
    public Digest verify() {
      Digest known = actual;
      if (known != null) {
        return known;
      }
      FileFailures.run("close blob " + name(), out::close);
      if (size >= 0 && written != size) {
        throw mismatch("unexpected commit size " + written + ", expected " + size);
      }
      Digest found = new Digest(algorithm(), hex(hash.digest()));
      if (expected.isPresent() && !found.equals(expected.get())) {
        throw mismatch("unexpected commit digest " + found);
      }
      actual = found;
      return found;
    }

    private static String hex(byte[] bytes) {
      return java.util.HexFormat.of().formatHex(bytes);
    }

    @Override
    public InputStream open() {
      Digest digest = verify();
      return committed
          ? read(digest, 0)
          : FileFailures.wrap("read blob " + digest, () -> Files.newInputStream(file));
    }

    @Override
    public void commit() {
      if (committed) {
        return;
      }
      Digest digest = verify();
      use(digest);
      FileFailures.run(
          "commit blob " + digest,
          () ->
              Threads.nativeCalls()
                  .callUninterruptibly(() -> {
                    Path target = path(digest);
                    Files.createDirectories(blobs.resolve(digest.algorithm().text()));
                    try (FileOutputStream forced = new FileOutputStream(file.toFile(), true)) {
                      forced.getFD().sync();
                    }
                    synchronized (lock) {
                      long before = allocated(target);
                      Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
                      changed(allocated(target) - before);
                    }
                    return true;
                  }));
      committed = true;
    }

    @Override
    public void close() {
      FileFailures.run(
          "close blob " + name(),
          () -> {
            out.close();
            Files.deleteIfExists(file);
          });
    }
  }
}
