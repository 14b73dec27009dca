package dev.buildd.examples;

import dev.buildd.examples.soak.Settings;
import dev.buildd.examples.soak.SoakRun;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Has clients build for a long time while the daemon is stopped, killed and robbed of its disk and
 * its clock, and reports whether all went right and nothing leaked. {@code hack/soak.sh} makes the
 * filesystem that it wants and starts it.
 */
public final class Soak {
  private Soak() {}

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        Map.ofEntries(
            Map.entry("builds", "5000"),
            Map.entry("minutes", "240"),
            Map.entry("clients", "8"),
            Map.entry("seed", "1"),
            Map.entry("cap", "2000000000"),
            Map.entry("disk", ""),
            Map.entry("work", ""),
            Map.entry("buildd", "buildd"),
            Map.entry("buildctl", "buildctl"),
            Map.entry("clock", ""),
            Map.entry("report", ".")),
        flags -> {
          boolean right = SoakRun.run(settings(flags));
          System.exit(right ? 0 : 1);
        });
  }

  private static Settings settings(Example flags) {
    for (String name : new String[] {"disk", "work"}) {
      if (flags.get(name).isEmpty()) {
        throw new IllegalArgumentException("which directory? Say --" + name + "=DIRECTORY");
      }
    }
    String clock = flags.get("clock");
    return new Settings(
        Integer.parseInt(flags.get("builds")),
        Integer.parseInt(flags.get("minutes")),
        Integer.parseInt(flags.get("clients")),
        Long.parseLong(flags.get("seed")),
        Long.parseLong(flags.get("cap")),
        Path.of(flags.get("disk")),
        Path.of(flags.get("work")),
        flags.get("buildd"),
        flags.get("buildctl"),
        clock.isEmpty() ? Optional.empty() : Optional.of(Path.of(clock)),
        Path.of(flags.get("report")));
  }
}
