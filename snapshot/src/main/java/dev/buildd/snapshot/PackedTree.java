package dev.buildd.snapshot;

import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.OutputFile;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A directory of a few small files as bytes: names, owners, modes, modification times, content.
 * Entries stand in preorder, each directory with the number of its entries.
 */
final class PackedTree {
  /** The longest packed form; what is larger is better off as files. */
  static final int MAX_BYTES = 4096;

  private PackedTree() {}

  /**
   * The packed form; empty where it would be too long, or where the tree holds what it cannot tell:
   * extended attributes, devices, files with several names.
   */
  static Optional<byte[]> pack(Path directory) throws IOException {
    Encoder out = new Encoder();
    return pack(directory, out) ? Optional.of(out.toBytes()) : Optional.empty();
  }

  private static boolean pack(Path path, Encoder out) throws IOException {
    Stat stat = Linux.lstat(path);
    if (!Linux.xattrs(path).isEmpty()) {
      return false;
    }
    out.number(stat.mode()).number(stat.uid()).number(stat.gid()).number(stat.mtimeNanos());
    switch (stat.type()) {
      case Stat.S_IFDIR -> {
        List<Path> entries = LayerFiles.list(path);
        out.number(entries.size());
        for (Path entry : entries) {
          out.bytes(FileNames.bytes(entry.getFileName().toString()));
          if (out.size() > MAX_BYTES || !pack(entry, out)) {
            return false;
          }
        }
      }
      case Stat.S_IFREG -> {
        if (stat.size() > MAX_BYTES || stat.nlink() > 1) {
          return false;
        }
        try (FileInputStream in = TreeFiles.read(path)) {
          out.bytes(in.readNBytes(MAX_BYTES + 1)); // it is measured again below
        }
      }
      case Stat.S_IFLNK -> {
        if (stat.nlink() > 1) {
          return false;
        }
        out.bytes(FileNames.bytes(Linux.readlink(path)));
      }
      default -> {
        return false;
      }
    }
    return out.size() <= MAX_BYTES;
  }

  /** Makes the directory anew as it was packed; its parent exists, it does not. */
  static void unpack(byte[] packed, Path directory) throws IOException {
    unpack(new Decoder(packed), directory);
  }

  private static void unpack(Decoder in, Path path) throws IOException {
    int mode = (int) in.number();
    int uid = (int) in.number();
    int gid = (int) in.number();
    long mtimeNanos = in.number();
    switch (mode & Stat.S_IFMT) {
      case Stat.S_IFDIR -> {
        Linux.mkdir(path, 0700);
        for (long left = in.number(); left > 0; left--) {
          unpack(in, path.resolve(FileNames.text(in.bytes())));
        }
      }
      case Stat.S_IFREG -> {
        try (OutputFile out = OutputFile.create(path)) {
          out.write(ByteBuffer.wrap(in.bytes()));
        }
      }
      default -> Linux.symlink(FileNames.text(in.bytes()), path);
    }
    Linux.lchown(path, uid, gid);
    if ((mode & Stat.S_IFMT) != Stat.S_IFLNK) {
      Linux.chmod(path, mode & 07777);
    }
    Linux.utimensat(path, Linux.UTIME_OMIT, mtimeNanos);
  }
}
