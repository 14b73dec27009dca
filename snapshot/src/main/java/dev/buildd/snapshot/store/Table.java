package dev.buildd.snapshot.store;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The tables of the store. A row's key begins with the code of its table, which never changes. */
public enum Table {
  /** What the store notes for itself. */
  STORE(0, "store"),
  SNAPSHOT(1, "snapshot"),
  SNAPSHOT_FLAT(2, "snapshot.flat"),
  /** What builds upon a snapshot. */
  SNAPSHOT_CHILD(3, "snapshot.child"),
  /** A number that no snapshot has reached. */
  SNAPSHOT_NEXT(4, "snapshot.next"),
  REF(10, "ref"),
  REF_USE(11, "ref.use"),
  REF_VALUE(12, "ref.value"),
  /** The refs that bear a value under an index, oldest first. */
  REF_INDEX(13, "ref.index"),
  /** What builds upon a ref. */
  REF_CHILD(14, "ref.child"),
  /** All refs, those used longest ago first. */
  REF_ORDER(15, "ref.order"),
  /** Refs whose size nobody has asked for. */
  REF_UNMEASURED(16, "ref.unmeasured"),
  /** The sum of the sizes that are noted with uses. */
  REF_TOTAL(17, "ref.total"),
  /** Of earlier versions, as are the next two. */
  KEY(20, "key"),
  KEY_LINK(21, "key.link2"),
  KEY_RECORD(22, "key.record"),
  /** Which keys follow from a key by a link: the key, the link, the key that follows. */
  KEY_OUT(23, "key.out"),
  /** The same from behind: the key that follows, the key, the link. */
  KEY_IN(24, "key.in"),
  /** The results of a key. */
  KEY_SAVED(25, "key.saved"),
  /** The keys of a result. */
  KEY_RESULT(26, "key.result"),
  HISTORY(40, "history"),
  /** Steps that ran, by the number of the run. */
  RUN(50, "run"),
  /** By what runs are found again: the last one of each. */
  RUN_INDEX(51, "run.index"),
  /** The files that inputs of runs had, by the digest of their contents. */
  RUN_FILES(52, "run.files"),
  /** Runs whose results were removed, and why. */
  RUN_REMOVED(53, "run.removed"),
  /** What digests are of, in a store of its own. */
  CACHE_DEBUG(60, "cache.debug");

  private static final Map<String, Table> BY_NAME = new HashMap<>();

  static {
    for (Table table : values()) {
      BY_NAME.put(table.text, table);
    }
  }

  final byte code;
  private final String text;

  Table(int code, String text) {
    this.code = (byte) code;
    this.text = text;
  }

  /** Its name in dumps. */
  public String text() {
    return text;
  }

  static @Nullable Table named(String text) {
    return BY_NAME.get(text);
  }

  static @Nullable Table of(byte code) {
    for (Table table : values()) {
      if (table.code == code) {
        return table;
      }
    }
    return null;
  }
}
