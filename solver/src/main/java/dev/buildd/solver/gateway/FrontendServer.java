package dev.buildd.solver.gateway;

import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;

/** Serves frontends that run as processes of their own. */
public interface FrontendServer {
  /**
   * Begins to serve a frontend that speaks through two streams, which are closed in the end.
   *
   * @param client what it builds through
   */
  Served serve(GatewayClient client, InputStream from, OutputStream to) throws IOException;

  /** A frontend that is served until this is closed; its containers are then closed, too. */
  interface Served extends AutoCloseable {
    /** What it has returned; empty if it has not yet. Fails with the failure that it returned. */
    Optional<Result> returned() throws Exception;

    /** Runs the task when the frontend has hung up, at once if it has; it must not block. */
    void whenHungUp(Runnable task);

    @Override
    void close();
  }
}
