package dev.buildd.daemon.gc;

import dev.buildd.gateway.WorkerInfo.GcPolicy;
import java.time.Duration;
import java.util.List;

/**
 * What {@code [worker.oci]} says of garbage collection.
 *
 * @param enabled whether anything goes by itself
 * @param keepStorage the older name of {@code reservedSpace}, which goes before
 * @param policies if there are any, they stand for the four rules of default
 */
public record GcSettings(
    boolean enabled,
    DiskSpace keepStorage,
    DiskSpace reservedSpace,
    DiskSpace maxUsedSpace,
    DiskSpace minFreeSpace,
    List<Policy> policies) {
  public static final GcSettings DEFAULT =
      new GcSettings(
          true, DiskSpace.NONE, DiskSpace.NONE, DiskSpace.NONE, DiskSpace.NONE, List.of());

  private static final long GB = 1_000_000_000;
  private static final List<String> MADE_AGAIN_EASILY =
      List.of("type==source.local", "type==exec.cachemount", "type==source.git.checkout");

  public GcSettings {
    policies = List.copyOf(policies);
  }

  /**
   * A {@code [[worker.oci.gcpolicy]]}.
   *
   * @param keepBytes the older name of {@code reservedSpace}, which goes before
   */
  public record Policy(
      boolean all,
      List<String> filters,
      Duration keepDuration,
      DiskSpace keepBytes,
      DiskSpace reservedSpace,
      DiskSpace maxUsedSpace,
      DiskSpace minFreeSpace) {
    public Policy {
      filters = List.copyOf(filters);
    }

    private GcPolicy on(long disk) {
      return new GcPolicy(
          all,
          keepDuration.toNanos(),
          filters,
          (reservedSpace.isNone() ? keepBytes : reservedSpace).of(disk),
          maxUsedSpace.of(disk),
          minFreeSpace.of(disk));
    }
  }

  public GcSettings withEnabled(boolean on) {
    return new GcSettings(on, keepStorage, reservedSpace, maxUsedSpace, minFreeSpace, policies);
  }

  public GcSettings withSpace(DiskSpace reserved, DiskSpace maxUsed, DiskSpace minFree) {
    return new GcSettings(enabled, keepStorage, reserved, maxUsed, minFree, policies);
  }

  /**
   * The rules on a disk; none if nothing goes by itself.
   *
   * @param disk its size in bytes
   */
  public List<GcPolicy> rules(long disk) {
    if (!enabled) {
      return List.of();
    }
    return (policies.isEmpty() ? defaults(disk) : policies)
        .stream().map(policy -> policy.on(disk)).toList();
  }

  private boolean saysNoSpace() {
    return reservedSpace.isNone() && maxUsedSpace.isNone() && minFreeSpace.isNone();
  }

  private List<Policy> defaults(long disk) {
    GcSettings space =
        saysNoSpace() ? withSpace(keepStorage, DiskSpace.NONE, DiskSpace.NONE) : this;
    if (space.saysNoSpace()) {
      space =
          withSpace(atMost(10, 10 * GB, disk), atMost(80, 100 * GB, disk), DiskSpace.ofPercent(20));
    }
    return List.of(
        new Policy(
            false,
            MADE_AGAIN_EASILY,
            Duration.ofDays(2),
            DiskSpace.NONE,
            DiskSpace.NONE,
            DiskSpace.ofBytes(512_000_000),
            DiskSpace.NONE),
        space.rule(false, Duration.ofDays(60)),
        space.rule(false, Duration.ZERO),
        space.rule(true, Duration.ZERO));
  }

  private static DiskSpace atMost(long percent, long bytes, long disk) {
    DiskSpace part = DiskSpace.ofPercent(percent);
    return part.of(disk) > bytes ? DiskSpace.ofBytes(bytes) : part;
  }

  private Policy rule(boolean all, Duration keep) {
    return new Policy(
        all, List.of(), keep, DiskSpace.NONE, reservedSpace, maxUsedSpace, minFreeSpace);
  }
}
