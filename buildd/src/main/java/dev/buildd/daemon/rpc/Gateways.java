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

  /** The gateway of a build, for which it waits a while: calls come in any order. */
  synchronized BuildGateway await(String build) throws InterruptedException {
    if (build.isEmpty()) {
      throw BuildException.invalid("no buildid found in context");
    }
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      BuildGateway found = open.get(build);
      if (found != null) {
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
