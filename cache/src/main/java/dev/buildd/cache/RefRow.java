package dev.buildd.cache;

import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A ref as it is in the store.
 *
 * @param snapshot empty as long as the files are not here
 * @param twin the id of the ref that has the same snapshot; empty without one
 */
record RefRow(
    RefRecord.Kind kind,
    boolean mutable,
    boolean retain,
    boolean received,
    String snapshot,
    List<String> parents,
    Instant createdAt,
    String description,
    String recordType,
    String twin,
    Map<String, String> indexes) {

  static RefRow of(RefRecord entry) {
    RefRecord twin = entry.twin;
    return new RefRow(
        entry.kind,
        entry.mutable,
        entry.retain,
        entry.received,
        entry.snapshot,
        entry.parents.stream().map(parent -> parent.id).toList(),
        entry.createdAt,
        entry.description,
        entry.recordType,
        twin == null ? "" : twin.id,
        entry.indexes);
  }

  byte[] toBytes() {
    Encoder out =
        new Encoder()
            .oneByte(kind.code << 3 | (received ? 4 : 0) | (retain ? 2 : 0) | (mutable ? 1 : 0))
            .text(snapshot)
            .texts(parents)
            .number(createdAt.getEpochSecond())
            .number(createdAt.getNano())
            .text(description)
            .text(recordType)
            .text(twin)
            .number(indexes.size());
    indexes.forEach((name, value) -> out.text(name).text(value));
    return out.toBytes();
  }

  static RefRow of(byte[] bytes) {
    Decoder in = new Decoder(bytes);
    int flags = in.oneByte();
    String snapshot = in.text();
    List<String> parents = in.texts();
    Instant createdAt = Instant.ofEpochSecond(in.number(), in.number());
    String description = in.text();
    String recordType = in.text();
    String twin = in.text();
    Map<String, String> indexes = new LinkedHashMap<>();
    for (long left = in.number(); left > 0; left--) {
      indexes.put(in.text(), in.text());
    }
    return new RefRow(
        RefRecord.Kind.of(flags >> 3),
        (flags & 1) != 0,
        (flags & 2) != 0,
        (flags & 4) != 0,
        snapshot,
        parents,
        createdAt,
        description,
        recordType,
        twin,
        indexes);
  }

  RefRow withTwin(String id) {
    return new RefRow(
        kind,
        mutable,
        retain,
        received,
        snapshot,
        parents,
        createdAt,
        description,
        recordType,
        id,
        indexes);
  }

  RefRecord toEntry(String id, List<RefRecord> below) {
    RefRecord entry = new RefRecord(id, kind, snapshot, below, createdAt, description, recordType);
    entry.mutable = mutable;
    entry.retain = retain;
    entry.received = received;
    entry.recorded = true;
    entry.indexes.putAll(indexes);
    return entry;
  }

  /**
   * How a ref was used, as it is in the store.
   *
   * @param size in bytes; negative if unknown
   */
  record Use(int count, long lastUsedMillis, long size) {
    static final Use NONE = new Use(0, 0, -1);

    byte[] toBytes() {
      return new Encoder().number(count).number(lastUsedMillis).number(size).toBytes();
    }

    static Use of(byte[] bytes) {
      Decoder in = new Decoder(bytes);
      return new Use((int) in.number(), in.number(), in.number());
    }

    /** The key of the row that says when the ref's turn to go is. */
    byte[] order(String id) {
      return new Encoder().fixed(lastUsedMillis).fixed(count).text(id).toBytes();
    }

    long bytes() {
      return Math.max(0, size);
    }
  }
}
