package dev.buildd.trace;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A part of a trace that has ended.
 *
 * @param kind on which side of a call it is
 * @param context where it stands itself
 * @param parent where what it is a part of stands; that may be another process' span
 * @param remote whether the parent is of another process
 * @param attributes in the order in which they are told
 * @param error empty unless it failed
 * @param events what was seen meanwhile, in order
 */
public record Span(
    String name,
    Kind kind,
    TraceContext context,
    Optional<TraceContext> parent,
    boolean remote,
    Instant begun,
    Instant ended,
    Map<String, String> attributes,
    String error,
    List<Event> events) {
  /**
   * Something that was seen at a moment.
   *
   * @param attributes in the order in which they are told
   */
  public record Event(String name, Instant at, Map<String, String> attributes) {
    public Event {
      attributes = Collections.unmodifiableMap(new LinkedHashMap<>(attributes));
    }
  }

  /** How a span relates to others. */
  public enum Kind {
    /** Work within a process. */
    INTERNAL,
    /** A call that was served. */
    SERVER,
    /** A call that was made. */
    CLIENT
  }

  public Span {
    attributes = Collections.unmodifiableMap(new LinkedHashMap<>(attributes));
    events = List.copyOf(events);
  }

  /** One in which nothing was seen. */
  public Span(
      String name,
      Kind kind,
      TraceContext context,
      Optional<TraceContext> parent,
      boolean remote,
      Instant begun,
      Instant ended,
      Map<String, String> attributes,
      String error) {
    this(name, kind, context, parent, remote, begun, ended, attributes, error, List.of());
  }
}
