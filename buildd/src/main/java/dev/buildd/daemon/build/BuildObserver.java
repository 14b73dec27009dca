package dev.buildd.daemon.build;

import dev.buildd.base.content.Digest;
import dev.buildd.solver.graph.ProgressEvent;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Is told how builds go: of what history keeps, figures count and provenance is made. A refused
 * request is no build.
 */
public interface BuildObserver {
  /** A build begins; what is returned is told of it. */
  Watch begins(BuildRequest request, Instant at);

  /**
   * Is told of one build, in order and by one thread at a time. Steps go on meanwhile; exports and
   * the end of the build wait until this returns. What is thrown is logged and does the build no
   * harm.
   */
  interface Watch {
    /** Does not care. */
    Watch NONE = ending -> {};

    /** A result, or a cache, has been handed out. */
    default void exported(Export export) {}

    /** The build is over; nothing more is told of it. */
    void ended(Ending ending);
  }

  /**
   * Is told of sources and steps as well; a build without such a watch is followed by no thread.
   */
  interface StepWatch extends Watch {
    /** A source is found out, perhaps more than once: a step needs it, or a frontend asks. */
    default void sourceResolved(Source source) {}

    /** A step of the graph is done with. */
    default void stepEnded(Step step) {}
  }

  /**
   * Is told of the progress as well, about once a second while the build goes on and at its end: of
   * each part of the work how far it is now.
   */
  interface ProgressWatch extends Watch {
    /** What has been told since; seldom called for a build that is over within a second. */
    void progressed(List<ProgressEvent> events);
  }

  /**
   * A source.
   *
   * @param vertex the step that brings it, or the work that looked it up
   * @param identifier as the build names it, with its scheme
   * @param attributes as the build gives them
   * @param pin the digest or the commit by which the same can be had for ever
   */
  record Source(
      Digest vertex, String identifier, Map<String, String> attributes, Optional<String> pin) {}

  /** What became of a step. */
  enum Outcome {
    /** It ran, for this build or for another that wanted the same at the same time. */
    RUN,
    /** Its result was there already, or nothing of it was needed. */
    HIT,
    FAILED
  }

  /**
   * A step of the graph.
   *
   * @param error empty unless it failed
   */
  record Step(
      Digest vertex,
      String name,
      Outcome outcome,
      Optional<Instant> started,
      Instant completed,
      String error) {}

  /** What is handed out. */
  enum Kind {
    RESULT,
    CACHE
  }

  /**
   * An export.
   *
   * @param index its place among those of its kind; they may be done in another order
   * @param name as users see it
   * @param response what the client is told of it
   */
  record Export(Kind kind, int index, String name, Map<String, String> response) {
    public Export {
      response = Map.copyOf(response);
    }
  }

  /**
   * How a build ended.
   *
   * @param progress all that those who watched could see
   * @param response what the client is told; empty if the build failed
   */
  record Ending(
      Instant at,
      List<ProgressEvent> progress,
      Map<String, String> response,
      Optional<Throwable> failure) {
    public Ending {
      response = Map.copyOf(response);
    }
  }
}
