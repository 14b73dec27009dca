package dev.buildd.gateway;

import dev.buildd.base.content.Platform;
import dev.buildd.proto.types.WorkerRecord;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

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
      String pkg, String version, String revision, String dockerfileVersion) {
    /** As it is on the wire. */
    public static BuildkitVersion of(dev.buildd.proto.types.BuildkitVersion v) {
      return new BuildkitVersion(
          v.getPackage(), v.getVersion(), v.getRevision(), v.getDockerfileVersion());
    }
  }

  /** A device that steps may ask for. */
  public record Device(String name, boolean autoAllow, boolean onDemand) {}

  /** As it is on the wire. */
  public static WorkerInfo of(WorkerRecord r) {
    return new WorkerInfo(
        r.getID(),
        new TreeMap<>(r.getLabelsMap()),
        r.getPlatformsList().stream()
            .map(p ->
                new Platform(
                    p.getOS(),
                    p.getArchitecture(),
                    p.getVariant(),
                    p.getOSVersion(),
                    p.getOSFeaturesList()))
            .toList(),
        r.getGCPolicyList().stream()
            .map(g ->
                new GcPolicy(
                    g.getAll(),
                    g.getKeepDuration(),
                    List.copyOf(g.getFiltersList()),
                    g.getReservedSpace(),
                    g.getMaxUsedSpace(),
                    g.getMinFreeSpace()))
            .toList(),
        BuildkitVersion.of(r.getBuildkitVersion()),
        r.getCDIDevicesList().stream()
            .map(d -> new Device(d.getName(), d.getAutoAllow(), d.getOnDemand()))
            .toList());
  }
}
