package dev.buildd.solver.gateway;

import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import java.util.Objects;

/** A frontend failed; says which one it was. The message is the cause's. */
public final class FrontendException extends BuildException {
  private static final long serialVersionUID = 1L;

  private final String name;
  private final String source;

  private FrontendException(String name, String source, Exception cause) {
    super(
        BuildException.categoryOf(cause),
        Objects.requireNonNullElse(cause.getMessage(), cause.toString()),
        cause);
    this.name = name;
    this.source = source;
  }

  /** Lets the frontend build, and names it if it fails; defects of ours pass as they are. */
  public static Result naming(String name, Frontend frontend, GatewayClient client)
      throws Exception {
    try {
      return frontend.build(client);
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      throw BuildException.isDefect(e)
          ? e
          : new FrontendException(name, client.options().getOrDefault("source", ""), e);
    }
  }

  /** By which it was asked for. */
  public String name() {
    return name;
  }

  /** The image that it is; empty for one of the daemon's own. */
  public String source() {
    return source;
  }
}
