package dev.buildd.solver.graph;

import java.util.List;

/**
 * All that a job has told, in order. Readers may come at any time and read from the start; a reader
 * that is slow is told how far a part of the work is now, not how far it was before.
 *
 * <p>Safe for use by many threads.
 */
public final class Journal {
  private final ProgressList events = new ProgressList(); // guarded by this
  private boolean closed; // guarded by this
  private boolean explaining; // guarded by this

  /**
   * What a reader gets at once.
   *
   * @param events empty only if the journal has ended
   * @param next where to read on
   */
  public record Page(List<ProgressEvent> events, long next) {}

  synchronized void append(ProgressEvent event) {
    if (!closed) {
      events.add(event);
      if (explaining && event instanceof ProgressEvent.Explained explained) {
        events.add(explained.asStatus());
      }
      notifyAll();
    }
  }

  /** From now on reasons are told as parts of the work too, which every client shows. */
  public synchronized void explain() {
    explaining = true;
  }

  /** Ends the journal: readers get what is there and then the end. */
  public synchronized void close() {
    closed = true;
    notifyAll();
  }

  /** The events from a position on, waiting for some; the first position is zero. */
  public synchronized Page read(long from) throws InterruptedException {
    while (events.end() <= from && !closed) {
      wait();
    }
    return new Page(events.from(from), events.end());
  }

  /** The events from a position on that there are. */
  public synchronized Page peek(long from) {
    return new Page(events.from(from), events.end());
  }

  /** What has been told so far. */
  public synchronized List<ProgressEvent> snapshot() {
    return events.from(0);
  }
}
