package dev.buildd.solver.llb;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.NetMode;
import dev.buildd.proto.pb.SecurityMode;
import dev.buildd.solver.executor.ProcessSpec;
import java.util.Collection;
import java.util.Set;

/** What a build may do beyond the confinement of an ordinary step: both sides must have agreed. */
public final class Entitlements {
  public static final String NETWORK_HOST = "network.host";
  public static final String SECURITY_INSECURE = "security.insecure";
  private static final String DEVICE = "device";

  private final Set<String> granted;

  private Entitlements(Set<String> granted) {
    this.granted = granted;
  }

  public static Entitlements none() {
    return new Entitlements(Set.of());
  }

  /**
   * What a request asks for.
   *
   * @param supported what the daemon's configuration allows
   * @throws BuildException if something is unknown or not allowed
   */
  public static Entitlements of(Collection<String> requested, Set<String> supported) {
    for (String one : requested) {
      String name = one.split("[=,]", 2)[0];
      if (!name.equals(NETWORK_HOST) && !name.equals(SECURITY_INSECURE) && !name.equals(DEVICE)) {
        throw BuildException.invalid("unknown entitlement " + one);
      }
      if (!supported.contains(name)) {
        throw new BuildException(
            Category.UNKNOWN,
            "granting entitlement " + name + " is not allowed by build daemon configuration");
      }
    }
    return new Entitlements(Set.copyOf(requested));
  }

  /** Refuses a step that needs what was not granted. */
  void check(ExecOp op) {
    if (op.getNetwork() == NetMode.HOST) {
      check(NETWORK_HOST);
    }
    if (op.getSecurity() == SecurityMode.INSECURE) {
      check(SECURITY_INSECURE);
    }
  }

  /** Refuses a process that needs what was not granted. */
  public void check(ProcessSpec.Network network, ProcessSpec.Security security) {
    if (network == ProcessSpec.Network.HOST) {
      check(NETWORK_HOST);
    }
    if (security == ProcessSpec.Security.INSECURE) {
      check(SECURITY_INSECURE);
    }
  }

  private void check(String needed) {
    if (!granted.contains(needed)) {
      throw new BuildException(Category.UNKNOWN, needed + " is not allowed");
    }
  }
}
