package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Events in order, each with a position. How far a part of the work is replaces what was told of
 * the same part before, so that the list grows with what there is to tell and not with the time
 * that it takes.
 *
 * <p>Not safe for use by many threads: its owner locks.
 */
final class ProgressList {
  private record PartKey(Digest vertex, String id) {}

  private final TreeMap<Long, ProgressEvent> events = new TreeMap<>();
  private final Map<PartKey, Long> parts = new HashMap<>();
  private long end;

  void add(ProgressEvent event) {
    long position = end++;
    events.put(position, event);
    if (event instanceof ProgressEvent.Status status) {
      Long before = parts.put(new PartKey(status.vertex(), status.id()), position);
      if (before != null) {
        events.remove(before);
      }
    }
  }

  /** One past the position of the last event; positions begin with zero. */
  long end() {
    return end;
  }

  /** What was told at or after a position and has not been replaced since. */
  List<ProgressEvent> from(long position) {
    return List.copyOf(events.tailMap(position).values());
  }
}
