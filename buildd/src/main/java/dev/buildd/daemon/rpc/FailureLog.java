package dev.buildd.daemon.rpc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.solver.graph.VertexException;
import dev.buildd.solver.source.RedactedUrl;
import io.grpc.Status;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/** What the daemon's log says of failures: what clients are told, and of defects the stack too. */
public final class FailureLog {
  private static final Logger log = LoggerFactory.getLogger(FailureLog.class);

  private FailureLog() {}

  /** One line for a build that has failed, or was cancelled. */
  public static void failed(String ref, Throwable failure) {
    Status.Code code = Status.fromCodeValue(WireErrors.statusOf(failure).getCode()).getCode();
    boolean cancelled = code == Status.Code.CANCELLED;
    LoggingEventBuilder line = (cancelled ? log.atInfo() : log.atWarn()).addKeyValue("build", ref);
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof VertexException at && at.vertex() != null) {
        line =
            line.addKeyValue("vertex", at.vertex())
                .addKeyValue("step", RedactedUrl.within(at.vertexName()));
        break;
      }
    }
    if (cancelled) {
      line.log("build cancelled");
      return;
    }
    String cause =
        code == Status.Code.INTERNAL
            ? failure.toString()
            : WireErrors.statusOf(failure).getMessage();
    line.addKeyValue("code", code)
        .addKeyValue("cause", RedactedUrl.within(cause))
        .log("build failed");
  }

  /** The stack of a defect of ours that a call has met; other failures are the caller's to tell. */
  public static void called(String what, Throwable failure) {
    if (BuildException.categoryOf(failure) == Category.INTERNAL) {
      log.error("internal error call=\"{}\"", what, failure);
      Defects.met(what, failure);
    }
  }
}
