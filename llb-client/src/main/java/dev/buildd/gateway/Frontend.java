package dev.buildd.gateway;

/** Turns what was asked for into a result. */
@FunctionalInterface
public interface Frontend {
  Result build(GatewayClient client) throws Exception;
}
