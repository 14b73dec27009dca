package dev.buildd.daemon.rpc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.solver.graph.VertexException;
import io.grpc.Status;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the daemon's log says of failures: what clients are told, and of defects the stack too. */
public final class FailureLog {
  private static final Logger log = LoggerFactory.getLogger(FailureLog.class);

  private FailureLog() {}

  /** One line for a build that has failed, or was cancelled. */
  public static void failed(String ref, Throwable failure) {
    Status.Code code = Status.fromCodeValue(WireErrors.statusOf(failure).getCode()).getCode();
    String vertex = "";
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof VertexException at && at.vertex() != null) {
        vertex = at.vertex() + " \"" + at.vertexName() + "\"";
      }
    }
    if (code == Status.Code.CANCELLED) {
      log.info("build cancelled ref={} vertex={}", ref, vertex);
      return;
    }
    String cause =
        code == Status.Code.INTERNAL
            ? failure.toString()
            : WireErrors.statusOf(failure).getMessage();
    log.warn("build failed ref={} vertex={} code={} cause=\"{}\"", ref, vertex, code, cause);
  }

  /** The stack of a defect of ours that a call has met; other failures are the caller's to tell. */
  public static void called(String what, Throwable failure) {
    if (BuildException.categoryOf(failure) == Category.INTERNAL) {
      log.error("internal error call=\"{}\"", what, failure);
    }
  }
}
