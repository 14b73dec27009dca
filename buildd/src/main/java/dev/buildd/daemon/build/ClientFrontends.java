package dev.buildd.daemon.build;

import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;

/** Lets frontends of clients, outside of the daemon, build through it. */
public interface ClientFrontends {
  /**
   * From now on, until it is closed, the client's frontend can build.
   *
   * @param build names the build, as the frontend does
   * @param client what it builds through
   */
  Opened open(String build, GatewayClient client);

  /** A build that waits for its client's frontend. */
  interface Opened extends AutoCloseable {
    /** Waits for what the frontend makes; fails as the frontend fails. */
    Result await() throws Exception;

    /** Lets the client look at files by a name of their own, beside those that it was given. */
    void show(String id, Reference files);

    @Override
    void close();
  }
}
