package dev.buildd.gateway;

import dev.buildd.base.content.Platform;
import java.util.List;
import java.util.SortedMap;

/** A worker of a daemon; the first of several is the default one. */
public record WorkerInfo(
    String id,
    SortedMap<String, String> labels,
    List<Platform> platforms,
    List<GcPolicy> gcPolicy,
    BuildkitVersion version,
    List<Device> devices) {
  /** A rule by which old cache is removed. */
  public record GcPolicy(
      boolean all,
      long keepDurationNanos,
      List<String> filters,
      long reservedSpace,
      long maxUsedSpace,
      long minFreeSpace) {}

  /** What a daemon is. */
  public record BuildkitVersion(
      String pkg, String version, String revision, String dockerfileVersion) {}

  /** A device that steps may ask for. */
  public record Device(String name, boolean autoAllow, boolean onDemand) {}
}
