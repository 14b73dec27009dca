package dev.buildd.snapshot.store;

import org.jspecify.annotations.Nullable;

/** One row that is set, or deleted if it has no value; the key begins with its table's code. */
record Change(byte[] key, byte @Nullable [] value) {
  /** About how many bytes it takes on disk. */
  int cost() {
    return key.length + (value == null ? 0 : value.length) + 8;
  }
}
