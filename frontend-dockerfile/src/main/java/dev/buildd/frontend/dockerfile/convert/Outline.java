package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.source.Location;
import java.util.List;
import java.util.Optional;

/**
 * What whoever builds a stage may or must give (section 6).
 *
 * @param description of the stage; empty if there is none
 */
public record Outline(
    String name,
    String description,
    List<Argument> arguments,
    List<Needed> secrets,
    List<Needed> agents) {
  public Outline {
    arguments = List.copyOf(arguments);
    secrets = List.copyOf(secrets);
    agents = List.copyOf(agents);
  }

  /** A variable that the build may set. */
  public record Argument(
      String name, String description, Optional<String> value, Location location) {}

  /** A secret or a socket. */
  public record Needed(String name, boolean required, Location location) {}
}
