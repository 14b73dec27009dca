package dev.buildd.solver.exporter;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/**
 * What exports of plain files may be told.
 *
 * @param epochSeconds the time that all files get
 * @param platformSplit whether each platform gets a directory; by default if there are several
 * @param delete whether what is at the destination and not in the result is removed
 */
record FilesOptions(Optional<Long> epochSeconds, Optional<Boolean> platformSplit, boolean delete) {

  static FilesOptions of(Map<String, String> attributes) {
    String epoch = attributes.getOrDefault("source-date-epoch", "");
    Optional<Long> seconds = Optional.empty();
    if (!epoch.isEmpty()) {
      try {
        seconds = Optional.of(Long.parseLong(epoch));
      } catch (NumberFormatException e) {
        throw new BuildException(
            Category.INVALID_ARGUMENT, "invalid SOURCE_DATE_EPOCH: " + epoch, e);
      }
    }
    String split = attributes.get("platform-split");
    Optional<Boolean> splits =
        split == null
            ? Optional.empty()
            : Optional.of(
                switch (split) {
                  case "1", "t", "T", "true", "TRUE", "True" -> true;
                  case "0", "f", "F", "false", "FALSE", "False" -> false;
                  default ->
                      throw BuildException.invalid("non-bool value for platform-split: " + split);
                });
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
    byte[] value = source.metadata().get("source.date.epoch");
    if (value == null) {
      return this;
    }
    String text = new String(value, StandardCharsets.UTF_8);
    try {
      return new FilesOptions(Optional.of(Long.parseLong(text)), platformSplit, delete);
    } catch (NumberFormatException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "invalid source.date.epoch: " + text, e);
    }
  }
}
