package dev.buildd.base.metrics;

import java.time.Duration;
import java.util.List;
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
 * @param samples what they had at times while they ran, in order; of short ones there are none
 */
public record ResourceUsage(
    Optional<Duration> cpu,
    OptionalLong peakMemory,
    OptionalLong readBytes,
    OptionalLong writtenBytes,
    OptionalLong peakProcesses,
    List<ResourceSample> samples) {
  /** Nothing is told. */
  public static final ResourceUsage UNKNOWN =
      new ResourceUsage(
          Optional.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          List.of());

  public ResourceUsage {
    samples = List.copyOf(samples);
  }

  public ResourceUsage withCpu(Optional<Duration> other) {
    return new ResourceUsage(other, peakMemory, readBytes, writtenBytes, peakProcesses, samples);
  }

  public ResourceUsage withPeakMemory(OptionalLong other) {
    return new ResourceUsage(cpu, other, readBytes, writtenBytes, peakProcesses, samples);
  }

  public ResourceUsage withBytes(OptionalLong read, OptionalLong written) {
    return new ResourceUsage(cpu, peakMemory, read, written, peakProcesses, samples);
  }

  public ResourceUsage withSamples(List<ResourceSample> others) {
    return new ResourceUsage(cpu, peakMemory, readBytes, writtenBytes, peakProcesses, others);
  }
}
