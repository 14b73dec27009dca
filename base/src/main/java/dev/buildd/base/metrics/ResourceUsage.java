package dev.buildd.base.metrics;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a container's processes took of the machine, as far as its kernel tells.
 *
 * @param cpu processor time
 * @param peakMemory bytes at once, with the files that were held in memory
 * @param readBytes from disks
 * @param writtenBytes to disks
 * @param peakProcesses processes and threads at once
 */
public record ResourceUsage(
    Optional<Duration> cpu,
    OptionalLong peakMemory,
    OptionalLong readBytes,
    OptionalLong writtenBytes,
    OptionalLong peakProcesses) {
  /** Nothing is told. */
  public static final ResourceUsage UNKNOWN =
      new ResourceUsage(
          Optional.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty());

  public ResourceUsage withCpu(Optional<Duration> other) {
    return new ResourceUsage(other, peakMemory, readBytes, writtenBytes, peakProcesses);
  }

  public ResourceUsage withPeakMemory(OptionalLong other) {
    return new ResourceUsage(cpu, other, readBytes, writtenBytes, peakProcesses);
  }

  public ResourceUsage withBytes(OptionalLong read, OptionalLong written) {
    return new ResourceUsage(cpu, peakMemory, read, written, peakProcesses);
  }
}
