package dev.buildd.solver.executor;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A process and the container in which it runs.
 *
 * @param root the mounted root filesystem
 * @param mounts in the order in which they are mounted
 * @param env {@code NAME=value}, in order; a later one replaces an earlier one
 * @param cwd absolute path in the root filesystem; made if missing
 * @param user {@code user[:group]} by name or number, empty for root
 * @param hostname empty for the default
 * @param cgroupParent below which the container's cgroup is made; empty for the default
 * @param removeMountStubsRecursive whether directories made above a mount point go with it
 * @param traceparent where in a trace it belongs, in W3C's form; told to it if it can send spans
 */
public record ProcessSpec(
    Path root,
    boolean readOnlyRoot,
    List<ProcessMount> mounts,
    List<String> args,
    List<String> env,
    String cwd,
    String user,
    String hostname,
    List<ExtraHost> extraHosts,
    Network network,
    Security security,
    List<Ulimit> ulimits,
    String cgroupParent,
    Optional<Resources> resources,
    boolean removeMountStubsRecursive,
    Optional<String> traceparent) {
  /** What of the network the process sees. */
  public enum Network {
    /** What the daemon gives to steps that ask for nothing else. */
    DEFAULT,
    HOST,
    NONE
  }

  /** How the process is confined. */
  public enum Security {
    SANDBOX,
    INSECURE
  }

  /** A line of /etc/hosts. */
  public record ExtraHost(String name, String address) {}

  /** A limit of setrlimit(2), named without {@code RLIMIT_} in lower case. */
  public record Ulimit(String name, long soft, long hard) {}

  /** Cgroup limits; zero and empty mean none. Sizes are bytes, times microseconds. */
  public record Resources(
      long memory,
      long memorySwap,
      long cpuShares,
      long cpuPeriod,
      long cpuQuota,
      String cpusetCpus,
      String cpusetMems) {}

  public ProcessSpec {
    mounts = List.copyOf(mounts);
    args = List.copyOf(args);
    env = List.copyOf(env);
    extraHosts = List.copyOf(extraHosts);
    ulimits = List.copyOf(ulimits);
  }
}
