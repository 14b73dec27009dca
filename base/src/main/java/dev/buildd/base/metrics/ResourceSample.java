package dev.buildd.base.metrics;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How much of the machine a container's processes have at a moment, and have had until then, as far
 * as its kernel tells.
 *
 * @param cpu processor time until then
 * @param memory bytes at the moment, with the files that are held in memory
 * @param readBytes from disks until then
 * @param writtenBytes to disks until then
 * @param processes processes and threads at the moment
 */
public record ResourceSample(
    Instant at,
    Optional<Duration> cpu,
    OptionalLong memory,
    OptionalLong readBytes,
    OptionalLong writtenBytes,
    OptionalLong processes) {}
