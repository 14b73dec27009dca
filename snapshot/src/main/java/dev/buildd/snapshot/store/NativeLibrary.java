package dev.buildd.snapshot.store;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.rocksdb.RocksDB;

/**
 * RocksDB's machine code. It lies beside the jars where {@code hack/assemble.sh} put it, for
 * unpacking it from its jar takes longer than all else that a start does; without it the jar's own
 * is used.
 */
final class NativeLibrary {
  private static final String FILE = "librocksdbjni-linux64.so";
  private static boolean loaded;

  private NativeLibrary() {}

  static synchronized void load() {
    if (loaded) {
      return;
    }
    Path beside = besideJars();
    if (beside != null && Files.exists(beside.resolve(FILE))) {
      RocksDB.loadLibrary(List.of(beside.toString()));
    } else {
      RocksDB.loadLibrary();
    }
    loaded = true;
  }

  private static @org.jspecify.annotations.Nullable Path besideJars() {
    for (String entry : System.getProperty("java.class.path", "").split(":")) {
      if (entry.contains("rocksdbjni")) {
        return Path.of(entry).toAbsolutePath().getParent();
      }
    }
    return null;
  }
}
