package dev.buildd.gateway.grpc;

import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.PlatformMessages;
import dev.buildd.proto.types.BuildkitVersion;
import dev.buildd.proto.types.CDIDevice;
import dev.buildd.proto.types.GCPolicy;
import dev.buildd.proto.types.WorkerRecord;
import java.util.List;
import java.util.TreeMap;

/** Workers and what they are, as they go over the wire (wire.md section 12). */
public final class WorkerMessages {
  private WorkerMessages() {}

  public static WorkerRecord toProto(WorkerInfo worker) {
    WorkerRecord.Builder out =
        WorkerRecord.newBuilder()
            .setID(worker.id())
            .putAllLabels(worker.labels())
            .setBuildkitVersion(toProto(worker.version()));
    worker.platforms().forEach(platform -> out.addPlatforms(PlatformMessages.toProto(platform)));
    for (WorkerInfo.GcPolicy rule : worker.gcPolicy()) {
      out.addGCPolicy(
          GCPolicy.newBuilder()
              .setAll(rule.all())
              .setKeepDuration(rule.keepDurationNanos())
              .addAllFilters(rule.filters())
              .setReservedSpace(rule.reservedSpace())
              .setMaxUsedSpace(rule.maxUsedSpace())
              .setMinFreeSpace(rule.minFreeSpace()));
    }
    for (WorkerInfo.Device device : worker.devices()) {
      out.addCDIDevices(
          CDIDevice.newBuilder()
              .setName(device.name())
              .setAutoAllow(device.autoAllow())
              .setOnDemand(device.onDemand()));
    }
    return out.build();
  }

  public static WorkerInfo of(WorkerRecord worker) {
    return new WorkerInfo(
        worker.getID(),
        new TreeMap<>(worker.getLabelsMap()),
        worker.getPlatformsList().stream().map(PlatformMessages::of).toList(),
        worker.getGCPolicyList().stream()
            .map(rule ->
                new WorkerInfo.GcPolicy(
                    rule.getAll(),
                    rule.getKeepDuration(),
                    List.copyOf(rule.getFiltersList()),
                    rule.getReservedSpace(),
                    rule.getMaxUsedSpace(),
                    rule.getMinFreeSpace()))
            .toList(),
        of(worker.getBuildkitVersion()),
        worker.getCDIDevicesList().stream()
            .map(device ->
                new WorkerInfo.Device(
                    device.getName(), device.getAutoAllow(), device.getOnDemand()))
            .toList());
  }

  public static BuildkitVersion toProto(WorkerInfo.BuildkitVersion version) {
    return BuildkitVersion.newBuilder()
        .setPackage(version.pkg())
        .setVersion(version.version())
        .setRevision(version.revision())
        .setDockerfileVersion(version.dockerfileVersion())
        .build();
  }

  public static WorkerInfo.BuildkitVersion of(BuildkitVersion version) {
    return new WorkerInfo.BuildkitVersion(
        version.getPackage(),
        version.getVersion(),
        version.getRevision(),
        version.getDockerfileVersion());
  }
}
