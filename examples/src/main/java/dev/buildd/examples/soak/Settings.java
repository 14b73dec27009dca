package dev.buildd.examples.soak;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How a soak is run.
 *
 * @param builds how many builds, those that are made to fail included
 * @param minutes after how many it ends, should not all builds have been made by then
 * @param clients how many build at once
 * @param seed decides what is built, what becomes of it and which faults come when
 * @param cap how many bytes the daemon may hold
 * @param disk a filesystem of its own for the daemon's root, mounted, with nothing else in it
 * @param work a directory on another filesystem for whatever else there is
 * @param buildd the daemon's program
 * @param buildctl the client's program
 * @param clock the library (libfaketime) by which the daemon's clock is moved; empty if it stays
 * @param report where {@code soak.md} and {@code soak/*.svg} go
 */
public record Settings(
    int builds,
    int minutes,
    int clients,
    long seed,
    long cap,
    Path disk,
    Path work,
    String buildd,
    String buildctl,
    Optional<Path> clock,
    Path report) {
  public Settings {
    if (builds < 1 || clients < 1 || minutes < 1) {
      throw new IllegalArgumentException("builds, clients and minutes are at least one");
    }
    if (cap < 50_000_000) {
      throw new IllegalArgumentException("a cap below 50 MB is less than what single builds write");
    }
  }

  /** How far a soak has come, in builds: as many as have ended, or as its time has run. */
  int progress(Tally tally) {
    return Math.max(tally.done(), (int) (builds * tally.seconds() / 60 / minutes));
  }

  Path root() {
    return disk.resolve("root");
  }
}
