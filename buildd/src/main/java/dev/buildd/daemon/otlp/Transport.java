package dev.buildd.daemon.otlp;

import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import java.io.IOException;

/** The way to a collector of traces. Used by one thread. */
interface Transport extends AutoCloseable {
  /** What became of a request. */
  enum Answer {
    TAKEN,
    /** It may be taken later. */
    BUSY,
    REFUSED
  }

  /**
   * Sends spans and waits for the answer.
   *
   * @throws IOException if there is none; it may be sent once more
   */
  Answer send(ExportTraceServiceRequest request) throws IOException, InterruptedException;

  @Override
  void close();
}
