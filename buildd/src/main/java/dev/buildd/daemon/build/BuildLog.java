package dev.buildd.daemon.build;

import dev.buildd.solver.source.RedactedUrl;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/** What goes on in builds, in the daemon's log at its level debug. */
public final class BuildLog implements BuildObserver {
  private static final Logger log = LoggerFactory.getLogger(BuildLog.class);

  @Override
  public Watch begins(BuildRequest request, Instant at) {
    return log.isDebugEnabled() ? new Lines(request.ref(), at) : Watch.NONE;
  }

  private static final class Lines implements StepWatch {
    private final String ref;
    private final Instant begun;

    Lines(String ref, Instant begun) {
      this.ref = ref;
      this.begun = begun;
      line().log("build started");
    }

    private LoggingEventBuilder line() {
      return log.atDebug().addKeyValue("build", ref);
    }

    @Override
    public void stepEnded(Step step) {
      LoggingEventBuilder line =
          line()
              .addKeyValue("vertex", step.vertex())
              .addKeyValue("step", RedactedUrl.within(step.name()))
              .addKeyValue("outcome", step.outcome().name().toLowerCase(Locale.ROOT));
      if (step.started().isPresent()) {
        Duration took = Duration.between(step.started().get(), step.completed());
        line = line.addKeyValue("ms", took.toMillis());
      }
      line.log("step ended");
    }

    @Override
    public void exported(Export export) {
      line().addKeyValue("export", export.name()).log("exported");
    }

    @Override
    public void ended(Ending ending) {
      line()
          .addKeyValue("outcome", ending.failure().isPresent() ? "failed" : "done")
          .addKeyValue("ms", Duration.between(begun, ending.at()).toMillis())
          .log("build ended");
    }
  }
}
