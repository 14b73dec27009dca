package dev.buildd.daemon.rpc;

import dev.buildd.base.error.BuildException;
import dev.buildd.daemon.build.ClientFrontends;
import dev.buildd.gateway.GatewayClient;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** The builds that wait for frontends of clients. Safe for use by many threads. */
public final class Gateways implements ClientFrontends {
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private final Map<String, BuildGateway> open = new HashMap<>(); // guarded by this
  private final Map<String, String> owners =
      new HashMap<>(); // connections of builds, guarded by this

  @Override
  public BuildGateway open(String build, GatewayClient client) {
    BuildGateway gateway =
        new BuildGateway(
            client,
            closed -> {
              synchronized (this) {
                open.remove(build, closed);
              }
            });
    synchronized (this) {
      open.put(build, gateway);
      notifyAll();
    }
    return gateway;
  }

  /** Until closed, a build is a connection's own, and nobody else speaks for its frontend. */
  synchronized Owned own(String build, String connection) {
    boolean first = owners.putIfAbsent(build, connection) == null;
    return () -> {
      if (first) {
        release(build);
      }
    };
  }

  private synchronized void release(String build) {
    owners.remove(build);
  }

  /** A build that belongs to a connection. */
  interface Owned extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * The gateway of a build, for which it waits a while: calls come in any order. To another
   * connection than that which asked for the build it is as if there were none.
   */
  synchronized BuildGateway await(String build, String connection) throws InterruptedException {
    if (build.isEmpty()) {
      throw BuildException.invalid("no buildid found in context");
    }
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      BuildGateway found = open.get(build);
      if (found != null && connection.equals(owners.getOrDefault(build, connection))) {
        return found;
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw BuildException.notFound("no such job " + build);
      }
      wait(left / 1_000_000 + 1);
    }
  }
}
