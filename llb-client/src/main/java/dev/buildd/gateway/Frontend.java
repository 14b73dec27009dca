package dev.buildd.gateway;

/**
 * Turns what was asked for into a result. The same frontend runs inside the daemon, in a client and
 * in a container: what it may use is the {@link GatewayClient}.
 */
@FunctionalInterface
public interface Frontend {
  /**
   * Builds; an interrupt cancels it.
   *
   * @param client lasts as long as the build, and so do the references that it gives
   * @throws SolveException if it can say where in a text, or in which step, the fault is
   */
  Result build(GatewayClient client) throws Exception;
}
