package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.llb.Definition;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.State;
import java.time.OffsetDateTime;
import java.util.Collections;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * What became of a Dockerfile.
 *
 * @param baseImage the configuration of the image that it began with
 * @param epoch the time that is told of all that is made
 * @param scanned filesystems to be looked through besides the result, by name
 * @param ignoresCache whether the result or one of those is built anew
 * @param outline what may be given to the build; made when it is asked for
 */
public record Converted(
    State state,
    ImageConfig image,
    Optional<ImageConfig> baseImage,
    Optional<OffsetDateTime> epoch,
    SortedMap<String, State> scanned,
    boolean ignoresCache,
    Supplier<Outline> outline,
    MarshalOptions marshal) {
  public Converted {
    scanned = Collections.unmodifiableSortedMap(new TreeMap<>(scanned));
  }

  public Definition definition() {
    return state.marshal(marshal);
  }
}
