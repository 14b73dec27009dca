package dev.buildd.solver.explain;

import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;

/** The files that a run used of an input, as much of each as is needed to see that it changed. */
final class FileList {
  /**
   * A file.
   *
   * @param digest the first bytes of its digest
   */
  record Entry(int mode, int uid, int gid, long size, long digest) {
    static Entry of(ListedFile file) {
      return new Entry(file.mode(), file.uid(), file.gid(), file.size(), shortened(file));
    }

    private static long shortened(ListedFile file) {
      return Long.parseUnsignedLong(file.digest().hex().substring(0, 16), 16);
    }

    boolean isDirectory() {
      return (mode & Stat.S_IFMT) == Stat.S_IFDIR;
    }
  }

  /**
   * A file that is not as it was.
   *
   * @param before empty if it was not there
   * @param now empty if it is not there any more
   */
  record Change(String path, Optional<Entry> before, Optional<Entry> now) {}

  private final SortedMap<String, Entry> entries = new TreeMap<>();

  void add(ListedFile file) {
    entries.put(file.path(), Entry.of(file));
  }

  int size() {
    return entries.size();
  }

  /** What differs, in the order of the paths. Directories only where nothing in them tells it. */
  List<Change> changesFrom(FileList earlier) {
    SortedMap<String, Change> out = new TreeMap<>();
    entries.forEach((path, now) -> {
      Entry before = earlier.entries.get(path);
      if (before == null || before.digest != now.digest) {
        out.put(path, new Change(path, Optional.ofNullable(before), Optional.of(now)));
      }
    });
    earlier.entries.forEach((path, before) -> {
      if (!entries.containsKey(path)) {
        out.put(path, new Change(path, Optional.of(before), Optional.empty()));
      }
    });
    List<Change> told = new ArrayList<>();
    for (Map.Entry<String, Change> change : out.entrySet()) {
      String below = change.getKey().equals("/") ? "/" : change.getKey() + "/";
      boolean inOthers =
          change.getValue().now().or(change.getValue()::before).orElseThrow().isDirectory()
              && change.getValue().before().isPresent() != change.getValue().now().isPresent()
              && !out.subMap(below, below + Character.MAX_VALUE).isEmpty();
      if (!inOthers) {
        told.add(change.getValue());
      }
    }
    return told;
  }

  byte[] toBytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeflaterOutputStream packed = new DeflaterOutputStream(out)) {
      Encoder rows = new Encoder().number(entries.size());
      String previous = "";
      for (Map.Entry<String, Entry> entry : entries.entrySet()) {
        String path = entry.getKey();
        int shared = shared(previous, path);
        Entry file = entry.getValue();
        rows.number(shared)
            .bytes(FileNames.bytes(path.substring(shared)))
            .number(file.mode)
            .number(Integer.toUnsignedLong(file.uid))
            .number(Integer.toUnsignedLong(file.gid))
            .number(file.size)
            .fixed(file.digest);
        previous = path;
      }
      packed.write(rows.toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of an array: cannot be
    }
    return out.toByteArray();
  }

  private static int shared(String a, String b) {
    int at = 0;
    while (at < Math.min(a.length(), b.length()) && a.charAt(at) == b.charAt(at)) {
      at++;
    }
    // a path is cut between characters, not within one
    return at > 0 && Character.isHighSurrogate(b.charAt(at - 1)) ? at - 1 : at;
  }

  static FileList of(byte[] bytes) {
    FileList out = new FileList();
    try (InflaterInputStream packed = new InflaterInputStream(new ByteArrayInputStream(bytes))) {
      Decoder rows = new Decoder(packed.readAllBytes());
      String previous = "";
      for (long left = rows.number(); left > 0; left--) {
        String path = previous.substring(0, (int) rows.number()) + FileNames.text(rows.bytes());
        out.entries.put(
            path,
            new Entry(
                (int) rows.number(),
                (int) rows.number(),
                (int) rows.number(),
                rows.number(),
                rows.fixed()));
        previous = path;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out;
  }
}
