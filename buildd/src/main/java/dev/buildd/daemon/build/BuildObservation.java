package dev.buildd.daemon.build;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.Defects;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.ProgressEvent;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the observers of one build what its journal holds, on a thread of its own, and what the
 * build itself has to say. Safe for use by many threads.
 */
final class BuildObservation {
  private static final Logger log = LoggerFactory.getLogger(BuildObservation.class);

  private static final Duration RECORD_EVERY = Duration.ofSeconds(1);

  private final Job job;
  private final Clock clock;
  private final Instant begun;
  private final List<BuildObserver.Watch> watches;
  private final List<BuildObserver.StepWatch> stepWatches; // those among them
  private final List<BuildObserver.ProgressWatch> progressWatches; // those among them
  private final Thread recorder;
  private long position; // guarded by this: how far the journal has been told
  private long recorded; // guarded by this: the same, of progress
  private boolean ended; // guarded by this

  private BuildObservation(Job job, Clock clock, Instant begun, List<BuildObserver.Watch> watches) {
    this.job = job;
    this.begun = begun;
    this.clock = clock;
    this.watches = watches;
    this.stepWatches =
        watches.stream()
            .filter(BuildObserver.StepWatch.class::isInstance)
            .map(BuildObserver.StepWatch.class::cast)
            .toList();
    this.progressWatches =
        watches.stream()
            .filter(BuildObserver.ProgressWatch.class::isInstance)
            .map(BuildObserver.ProgressWatch.class::cast)
            .toList();
    this.recorder = Threads.unstarted("record " + job, this::record);
  }

  /** Begins; it goes on until {@link #ended} is called. */
  static BuildObservation begin(
      List<BuildObserver> observers, BuildRequest request, Job job, Clock clock) {
    Instant begun = clock.instant(); // the same for all: they tell of one build
    BuildObservation observation =
        new BuildObservation(
            job,
            clock,
            begun,
            observers.stream()
                .map(observer -> begin(observer, request, begun))
                .filter(watch -> !watch.equals(BuildObserver.Watch.NONE))
                .toList());
    if (!observation.stepWatches.isEmpty()) {
      Threads.start("observe " + job, observation::follow);
    }
    if (!observation.progressWatches.isEmpty()) {
      observation.recorder.start();
    }
    return observation;
  }

  private static BuildObserver.Watch begin(
      BuildObserver observer, BuildRequest request, Instant begun) {
    try {
      return observer.begins(request, begun);
    } catch (RuntimeException e) {
      log.atError().addKeyValue("build", request.ref()).setCause(e).log("an observer failed");
      Defects.met("tell an observer of a build's begin", e);
      return BuildObserver.Watch.NONE;
    }
  }

  Instant begun() {
    return begun;
  }

  private void follow() {
    try {
      long from = 0;
      for (Journal.Page page = job.journal().read(from);
          !page.events().isEmpty();
          page = job.journal().read(from)) {
        from = take(from, page);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void record() {
    try {
      while (true) {
        Thread.sleep(RECORD_EVERY);
        tellProgress();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the build is over
    }
  }

  private synchronized void tellProgress() {
    if (ended) {
      return;
    }
    Journal.Page page = job.journal().peek(recorded);
    recorded = page.next();
    if (!page.events().isEmpty()) {
      each(progressWatches, watch -> watch.progressed(page.events()));
    }
  }

  /** Tells of a page, unless {@link #catchUp} was there before; where to read on. */
  private synchronized long take(long from, Journal.Page page) {
    if (ended) {
      return page.next();
    }
    if (position == from) {
      position = page.next();
      page.events().forEach(this::publish);
    }
    return position;
  }

  private synchronized void catchUp() {
    if (!ended && !stepWatches.isEmpty()) {
      take(position, job.journal().peek(position));
    }
  }

  private void publish(ProgressEvent event) {
    switch (event) {
      case ProgressEvent.SourceResolved source ->
          each(
              stepWatches,
              watch ->
                  watch.sourceResolved(
                      new BuildObserver.Source(
                          source.vertex(),
                          source.identifier(),
                          source.attributes(),
                          Optional.of(source.pin()).filter(pin -> !pin.isEmpty()))));
      case ProgressEvent.VertexState state
          when state.completed().isPresent() && job.isStep(state.vertex()) ->
          each(
              stepWatches,
              watch ->
                  watch.stepEnded(
                      new BuildObserver.Step(
                          state.vertex(),
                          state.name(),
                          outcome(state),
                          state.started(),
                          state.completed().get(),
                          state.error())));
      default -> {}
    }
  }

  private static BuildObserver.Outcome outcome(ProgressEvent.VertexState state) {
    if (!state.error().isEmpty()) {
      return BuildObserver.Outcome.FAILED;
    }
    return state.cached() ? BuildObserver.Outcome.HIT : BuildObserver.Outcome.RUN;
  }

  private <W> void each(List<W> watches, Consumer<W> telling) {
    for (W watch : watches) {
      try {
        telling.accept(watch);
      } catch (RuntimeException e) {
        log.atError().addKeyValue("build", job.id()).setCause(e).log("an observer failed");
        Defects.met("tell an observer of a build", e);
      }
    }
  }

  /** Tells of an export that is done. */
  synchronized void exported(
      BuildObserver.Kind kind, int index, String name, Map<String, String> response) {
    catchUp();
    each(watches, watch -> watch.exported(new BuildObserver.Export(kind, index, name, response)));
  }

  /**
   * Tells the end, and before it all that has happened.
   *
   * @param response what the client is told; empty if the build failed
   */
  synchronized void ended(Map<String, String> response, Optional<Throwable> failure) {
    catchUp();
    Cleanup.run("tell the last of " + job, this::tellProgress); // it may have been interrupted
    ended = true;
    recorder.interrupt();
    Cleanup.run(
        "tell the end of " + job,
        () ->
            each(
                watches,
                watch ->
                    watch.ended(
                        new BuildObserver.Ending(
                            clock.instant(), job.journal().snapshot(), response, failure))));
  }
}
