package dev.buildd.solver.exporter;

import dev.buildd.base.error.BuildException;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What exports of plain files may be told.
 *
 * @param epochSeconds the time that all files get
 * @param platformSplit whether each platform gets a directory; by default if there are several
 * @param delete whether what is at the destination and not in the result is removed
 */
record FilesOptions(Optional<Long> epochSeconds, Optional<Boolean> platformSplit, boolean delete) {

  static FilesOptions of(Map<String, String> attributes) {
    Optional<Long> seconds = Attributes.epoch(attributes);
    Optional<Boolean> splits =
        Optional.ofNullable(attributes.get("platform-split"))
            .map(value -> Attributes.strictBool("platform-split", value));
    boolean delete =
        switch (attributes.getOrDefault("mode", "")) {
          case "", "copy" -> false;
          case "delete" -> true;
          default ->
              throw BuildException.invalid(
                  "invalid local exporter mode \"" + attributes.get("mode") + "\"");
        };
    return new FilesOptions(seconds, splits, delete);
  }

  boolean splits(boolean isMap) {
    return platformSplit.orElse(isMap);
  }

  /** The time of directories that are made for platforms. */
  long directoryTime() {
    return epochSeconds.map(s -> s * 1_000_000_000L).orElse(0L);
  }

  FilesOptions withEpochOf(ExportSource source) {
    if (epochSeconds.isPresent()) {
      return this;
    }
    OptionalLong seconds = Attributes.epoch(source, "");
    return seconds.isEmpty()
        ? this
        : new FilesOptions(Optional.of(seconds.getAsLong()), platformSplit, delete);
  }
}
