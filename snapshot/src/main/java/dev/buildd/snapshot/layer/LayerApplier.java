package dev.buildd.snapshot.layer;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.OutputFile;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.snapshot.LayerFiles;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Applies a layer (OCI image-spec, layer) to the files of those below it. The directory is what a
 * container would see, whatever snapshotter keeps it: a whiteout removes, it is not written.
 *
 * <p>No path of an archive leads out of the directory: symlinks are taken as the container would
 * take them, and hard links only lead to what is inside. Nobody else may change the directory
 * meanwhile.
 */
public final class LayerApplier {
  private static final String WHITEOUT = ".wh.";
  private static final String OPAQUE = ".wh..wh..opq";
  private static final String AUFS = ".wh..wh.";

  private final Path root;
  private final boolean whiteouts;
  private final Optional<Ids> owner;
  private final Set<Path> unpacked = new HashSet<>();
  private final List<DirectoryTime> times = new ArrayList<>();
  private final byte[] buffer = new byte[1 << 16];
  private @Nullable String lastParent;
  private @Nullable Path lastParentPath;

  private record DirectoryTime(Path path, long mtimeNanos) {}

  /** Whom files are to belong to. */
  public record Ids(int uid, int gid) {}

  private LayerApplier(Path root, boolean whiteouts, Optional<Ids> owner) {
    this.root = root;
    this.whiteouts = whiteouts;
    this.owner = owner;
  }

  /**
   * Unpacks an archive that is no layer: names of whiteouts are names like others.
   *
   * @param owner of all its files; empty to keep theirs
   */
  static void unpack(TarReader tar, Path root, Optional<Ids> owner)
      throws IOException, InterruptedException {
    new LayerApplier(root, false, owner).apply(tar);
  }

  /**
   * Applies an archive, compressed or not. It is decompressed, hashed and written side by side, so
   * this thread waits now and then.
   *
   * @return the digest of the uncompressed archive, its diff id
   * @throws BuildException {@code INVALID_ARGUMENT} if it is malformed
   */
  public static Digest apply(InputStream layer, Path root)
      throws IOException, InterruptedException {
    MessageDigest hash = Digest.newHash();
    try (InputStream tar =
        new ReadAhead(new DigestInputStream(new ReadAhead(Compression.decompress(layer)), hash))) {
      new LayerApplier(root, true, Optional.empty()).apply(new TarReader(tar));
      tar.transferTo(OutputStream.nullOutputStream()); // padding counts for the digest
    } catch (EOFException | ZipException e) {
      throw new BuildException(
          dev.buildd.base.error.Category.INVALID_ARGUMENT, "layer: " + e.getMessage(), e);
    }
    return Digest.ofHash(hash.digest());
  }

  private void apply(TarReader tar) throws IOException, InterruptedException {
    for (Optional<TarEntry> entry = tar.next(); entry.isPresent(); entry = tar.next()) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      apply(entry.get(), tar);
    }
    // entering files has changed the times of the directories
    for (DirectoryTime time : times.reversed()) {
      Stat stat = Linux.tryLstat(time.path);
      if (stat != null && stat.isDirectory()) {
        Linux.utimensat(time.path, Linux.UTIME_OMIT, time.mtimeNanos);
      }
    }
  }

  private void apply(TarEntry entry, TarReader tar) throws IOException {
    String name = RootedPath.clean(entry.name());
    if (entry.name().indexOf('\0') >= 0) {
      throw BuildException.invalid("archive: a file name contains a zero byte");
    }
    if (name.equals("/")) {
      return; // the root keeps its own attributes
    }
    int slash = name.lastIndexOf('/');
    String base = name.substring(slash + 1);
    Path parent = parent(name.substring(0, slash));
    if (whiteouts && base.startsWith(WHITEOUT)) {
      whiteout(base, parent);
      return;
    }
    Path path = parent.resolve(base);
    Stat old = Linux.tryLstat(path);
    boolean directory = entry.type() == TarEntry.Type.DIRECTORY;
    if (old != null && !(directory && old.isDirectory())) {
      removeTree(path);
      old = null;
    }
    create(entry, path, old != null, tar);
    unpacked.add(path);
    if (directory) {
      times.add(new DirectoryTime(path, entry.mtimeNanos()));
    }
  }

  private Path parent(String name) throws IOException {
    Path known = lastParentPath;
    if (known != null && name.equals(lastParent)) {
      return known;
    }
    Path path = RootedPath.resolve(root, name);
    makeDirectories(path);
    lastParent = name;
    lastParentPath = path;
    return path;
  }

  private void makeDirectories(Path path) throws IOException {
    Stat stat = path.equals(root) ? null : Linux.tryLstat(path);
    if (path.equals(root) || (stat != null && stat.isDirectory())) {
      return;
    }
    Path parent = path.getParent();
    if (parent != null) {
      makeDirectories(parent);
    }
    Linux.mkdir(path, 0755);
    Linux.chmod(path, 0755);
  }

  private void removeTree(Path path) throws IOException {
    lastParentPath = null; // it may have led through this
    FileTree.delete(path);
  }

  private void whiteout(String base, Path parent) throws IOException {
    if (base.equals(OPAQUE)) {
      clear(parent);
      return;
    }
    if (base.startsWith(AUFS)) {
      return; // aufs's own files, meaningless elsewhere
    }
    String hidden = base.substring(WHITEOUT.length());
    if (hidden.isEmpty() || hidden.equals(".") || hidden.equals("..")) {
      throw BuildException.invalid("layer: invalid whiteout name " + base);
    }
    removeTree(parent.resolve(hidden));
  }

  /** Removes what lower layers have put into a directory; what this one has stays. */
  private void clear(Path directory) throws IOException {
    for (Path path : LayerFiles.list(directory)) {
      if (!unpacked.contains(path)) {
        removeTree(path);
      } else if (Linux.lstat(path).isDirectory()) {
        clear(path);
      }
    }
  }

  private void create(TarEntry entry, Path path, boolean exists, TarReader tar) throws IOException {
    switch (entry.type()) {
      case DIRECTORY -> {
        if (!exists) {
          Linux.mkdir(path, 0700);
        }
      }
      case FILE -> {
        write(entry, path, tar);
        return;
      }
      case SYMLINK -> {
        lastParentPath = null;
        Linux.symlink(entry.linkName(), path);
      }
      case HARD_LINK -> {
        Path target = RootedPath.resolveParent(root, entry.linkName());
        Linux.link(target, path);
        return; // the attributes are the first name's
      }
      case CHARACTER_DEVICE -> device(entry, path, Stat.S_IFCHR);
      case BLOCK_DEVICE -> device(entry, path, Stat.S_IFBLK);
      case FIFO -> Linux.mknod(path, Stat.S_IFIFO | 0600, 0);
    }
    attributes(entry, path);
    if (entry.type() != TarEntry.Type.DIRECTORY) {
      Linux.utimensat(path, Linux.UTIME_OMIT, entry.mtimeNanos());
    }
  }

  private static void device(TarEntry entry, Path path, int type) throws IOException {
    if (type == Stat.S_IFCHR && entry.devMajor() == 0 && entry.devMinor() == 0) {
      throw BuildException.invalid(
          "archive: " + entry.name() + " is a device 0/0"); // overlay's mark
    }
    Linux.mknod(path, type | 0600, Linux.makeDevice(entry.devMajor(), entry.devMinor()));
  }

  private void attributes(TarEntry entry, Path path) throws IOException {
    Ids ids = ids(entry);
    Linux.lchown(path, ids.uid(), ids.gid());
    if (entry.type() != TarEntry.Type.SYMLINK) {
      Linux.chmod(path, entry.mode());
    }
    xattrs(entry, path);
  }

  private Ids ids(TarEntry entry) {
    return owner.orElse(new Ids(entry.uid(), entry.gid()));
  }

  private static void xattrs(TarEntry entry, Path path) throws IOException {
    for (Map.Entry<String, byte[]> attribute : entry.xattrs().entrySet()) {
      if (attribute.getKey().startsWith("trusted.overlay.")) {
        continue; // would change what the snapshot shows
      }
      try {
        Linux.setxattr(path, attribute.getKey(), attribute.getValue());
      } catch (LinuxException e) {
        if (e.errno() != Errno.EOPNOTSUPP) {
          throw e;
        }
      }
    }
  }

  private void write(TarEntry entry, Path path, TarReader tar) throws IOException {
    if (!entry.data().isEmpty()) {
      writeSparse(entry, path, tar.content());
      attributes(entry, path);
      Linux.utimensat(path, Linux.UTIME_OMIT, entry.mtimeNanos());
      return;
    }
    try (OutputFile out = OutputFile.create(path)) {
      InputStream in = tar.content();
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        out.write(ByteBuffer.wrap(buffer, 0, n));
      }
      Ids ids = ids(entry);
      out.setOwner(ids.uid(), ids.gid());
      out.setPermissions(entry.mode());
      out.setTimes(Linux.UTIME_OMIT, entry.mtimeNanos());
    }
    xattrs(entry, path); // after the owner, a change of which takes capabilities away
  }

  private void writeSparse(TarEntry entry, Path path, InputStream in) throws IOException {
    try (FileChannel out = TreeFiles.create(path)) {
      for (TarEntry.Piece piece : entry.data()) {
        out.position(piece.offset());
        for (long left = piece.length(); left > 0; ) {
          int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
          if (n < 0) {
            throw new EOFException("unexpected EOF");
          }
          for (ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, n); bytes.hasRemaining(); ) {
            out.write(bytes);
          }
          left -= n;
        }
      }
    }
    Linux.truncate(path, entry.size());
  }
}
