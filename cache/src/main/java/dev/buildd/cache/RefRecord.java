package dev.buildd.cache;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.snapshot.MountPoint;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** One ref's record. Fields without a word are guarded by the {@link RefTable}. */
final class RefRecord {
  /** How a ref came to be, for reading its layers off it. */
  enum Kind {
    LAYER(0),
    MERGE(1),
    DIFF_LOWER(2),
    DIFF_UPPER(3),
    DIFF_BOTH(4);

    final int code;

    Kind(int code) {
      this.code = code;
    }

    static Kind of(int code) {
      for (Kind kind : values()) {
        if (kind.code == code) {
          return kind;
        }
      }
      throw new BuildException(Category.INTERNAL, "malformed ref record");
    }
  }

  final String id;
  final Kind kind;

  /** Empty as long as the files are not here: then it is lazy. Changes once. */
  volatile String snapshot;

  final List<RefRecord> parents;
  final Instant createdAt;
  final String description;
  final String recordType;
  final Map<String, String> indexes = new LinkedHashMap<>();

  /** Held while files are mounted, unmounted or committed; never taken under the table. */
  final ReentrantLock files = new ReentrantLock();

  boolean mutable;
  boolean retain;
  boolean recorded;
  boolean dead;

  /** Whether a client sent the files, of whose root directory it says nothing. */
  boolean received;

  /** Whether it began empty and has not been released since. */
  boolean fresh;

  int refs;

  /** Those that have no row yet and build upon this. */
  final AtomicInteger newChildren = new AtomicInteger();

  /** Whether this is among the new children of its parents. */
  final AtomicBoolean newChild = new AtomicBoolean();

  /** Its uses as they are in the store. */
  RefRow.Use stored = RefRow.Use.NONE;

  /** The mutable or immutable ref that has the same snapshot. */
  @Nullable RefRecord twin;

  long size = -1;
  int usageCount;
  long lastUsedMillis;

  // guarded by files
  @Nullable MountPoint mountPoint;
  int mountUsers;

  RefRecord(
      String id,
      Kind kind,
      String snapshot,
      List<RefRecord> parents,
      Instant createdAt,
      String description,
      String recordType) {
    this.id = id;
    this.kind = kind;
    this.snapshot = snapshot;
    this.parents = List.copyOf(parents);
    this.createdAt = createdAt;
    this.description = description;
    this.recordType = recordType;
  }

  /** Whether its files are known by where they come from, but not here. */
  boolean isLazy() {
    return snapshot.isEmpty();
  }

  /** One of two refs with the same snapshot is told of: the immutable one while it is in use. */
  boolean isHiddenTwin() {
    RefRecord other = twin;
    return other != null && (mutable ? other.refs > 0 : refs == 0);
  }

  UsageRecord describe(boolean inUse) {
    return new UsageRecord(
        id,
        mutable,
        inUse,
        mutable && refs > 0 ? 0 : Math.max(0, size),
        parents.stream().map(parent -> parent.id).toList(),
        createdAt,
        description,
        usageCount,
        lastUsedMillis == 0 ? Optional.empty() : Optional.of(Instant.ofEpochMilli(lastUsedMillis)),
        recordType.isEmpty() ? RefOptions.REGULAR : recordType,
        false);
  }

  /** What its own layer lies on. */
  Optional<RefRecord> below() {
    return switch (kind) {
      case LAYER, DIFF_LOWER, DIFF_BOTH -> parents.stream().findFirst();
      case MERGE, DIFF_UPPER -> Optional.empty();
    };
  }

  /** The layers that make it up, lowest first. Without recursion: chains may be long. */
  List<RefRecord> layers() {
    Map<RefRecord, List<RefRecord>> done = new HashMap<>();
    Deque<RefRecord> pending = new ArrayDeque<>(List.of(this));
    while (!pending.isEmpty()) {
      RefRecord wanted = pending.peek();
      List<RefRecord> above = new ArrayList<>();
      RefRecord at = wanted;
      while (at.kind == Kind.LAYER && !at.parents.isEmpty() && !done.containsKey(at)) {
        above.add(at);
        at = at.parents.getFirst();
      }
      List<RefRecord> missing = done.containsKey(at) ? List.of() : at.unknown(done);
      if (missing.isEmpty()) {
        List<RefRecord> below = done.computeIfAbsent(at, one -> one.combined(done));
        List<RefRecord> all = new ArrayList<>(below);
        all.addAll(above.reversed());
        done.put(wanted, all);
        pending.pop();
      } else {
        missing.forEach(pending::push);
      }
    }
    return done.getOrDefault(this, List.of());
  }

  private List<RefRecord> unknown(Map<RefRecord, List<RefRecord>> done) {
    return switch (kind) {
      case LAYER, DIFF_LOWER -> List.of();
      case MERGE, DIFF_UPPER, DIFF_BOTH ->
          parents.stream().filter(parent -> !done.containsKey(parent)).toList();
    };
  }

  /** Of one that is not a layer upon another. */
  private List<RefRecord> combined(Map<RefRecord, List<RefRecord>> done) {
    return switch (kind) {
      case LAYER, DIFF_LOWER -> List.of(this);
      case MERGE, DIFF_UPPER ->
          parents.stream()
              .flatMap(parent -> done.getOrDefault(parent, List.of()).stream())
              .toList();
      case DIFF_BOTH -> {
        List<RefRecord> below = done.getOrDefault(parents.getFirst(), List.of());
        List<RefRecord> above = done.getOrDefault(parents.getLast(), List.of());
        yield above.size() >= below.size() && above.subList(0, below.size()).equals(below)
            ? above.subList(below.size(), above.size())
            : List.of(this);
      }
    };
  }
}
