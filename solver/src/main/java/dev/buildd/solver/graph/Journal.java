package dev.buildd.solver.graph;

import java.util.ArrayList;
import java.util.List;

/**
 * All that a job has told, in order. Readers may come at any time and read from the start.
 *
 * <p>Safe for use by many threads.
 */
public final class Journal {
  private final List<ProgressEvent> events = new ArrayList<>();
  private boolean closed;

  synchronized void append(ProgressEvent event) {
    if (!closed) {
      events.add(event);
      notifyAll();
    }
  }

  /** Ends the journal: readers get what is there and then the end. */
  public synchronized void close() {
    closed = true;
    notifyAll();
  }

  /**
   * The events from a position on, waiting for some. An empty list means that the journal has
   * ended.
   */
  public synchronized List<ProgressEvent> read(int from) throws InterruptedException {
    while (events.size() <= from && !closed) {
      wait();
    }
    return List.copyOf(events.subList(Math.min(from, events.size()), events.size()));
  }

  /** What has been told so far. */
  public synchronized List<ProgressEvent> snapshot() {
    return List.copyOf(events);
  }
}
