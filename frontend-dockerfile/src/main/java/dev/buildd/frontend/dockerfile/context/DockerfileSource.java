package dev.buildd.frontend.dockerfile.context;

import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.gateway.SolveException.Place;
import dev.buildd.llb.Definition;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import java.util.Optional;

/**
 * A Dockerfile that has been read, and where it came from.
 *
 * @param map for the places of steps
 * @param definition of the filesystem that it is in
 */
public record DockerfileSource(SourceMap map, Definition definition) {
  public byte[] text() {
    return map.data();
  }

  /** The step that brought it, which warnings are told of. */
  public String vertex() {
    return definition.head().orElse("");
  }

  public SourceInfo info() {
    return new SourceInfo(map.filename(), map.language(), map.data(), Optional.of(definition));
  }

  /** Where a fault is. */
  public Place place(Location location) {
    return new Place(info(), location.spans());
  }
}
