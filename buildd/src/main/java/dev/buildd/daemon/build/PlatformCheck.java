package dev.buildd.daemon.build;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.solver.exporter.ExportSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Whether a result is for the platforms that were asked for. */
final class PlatformCheck {
  private PlatformCheck() {}

  /**
   * What users should be told.
   *
   * @param requested as in the frontend's attribute {@code platform}; the machine's if not given
   */
  static List<String> warnings(Optional<String> requested, ExportSource source) {
    if (!source.isMap() && source.ref().isEmpty() && !source.namesPlatforms()) {
      return List.of(); // there is no result
    }
    List<String> warnings = new ArrayList<>();
    Set<String> wanted = new LinkedHashSet<>();
    for (String text : requested.orElseGet(() -> Platform.host().format()).split(",", -1)) {
      try {
        if (!wanted.add(Platform.parse(text).format())) {
          warnings.add("Duplicate platform result requested \"" + text + "\"");
        }
      } catch (BuildException e) {
        warnings.add("Invalid platform result requested \"" + text + "\": " + e.getMessage());
      }
    }
    if (!warnings.isEmpty()) {
      return warnings;
    }
    Set<String> made = new TreeSet<>();
    source.platforms().forEach(platform -> made.add(platform.normalized().format()));
    if (wanted.size() == 1 && made.size() == 1) {
      String only = made.iterator().next();
      String asked = wanted.iterator().next();
      // a result may be more precise about the system's version than was asked for
      boolean same = wanted.contains(only) || asked.equals(only.replaceAll("\\([^)]*\\)", ""));
      return same
          ? List.of()
          : List.of(
              "Requested platform \""
                  + asked
                  + "\" does not match result platform \""
                  + only
                  + "\"");
    }
    if (!source.isMap() && wanted.size() > 1) {
      return List.of("Multiple platforms requested but result is not multi-platform");
    }
    return made.equals(new TreeSet<>(wanted))
        ? List.of()
        : List.of(
            "Requested platforms "
                + String.join(",", new TreeSet<>(wanted))
                + " do not match result platforms "
                + String.join(",", made));
  }
}
