package dev.buildd.base.content;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A version of Windows, on which containers of only some other versions run (Microsoft, "Windows
 * container version compatibility").
 */
record WindowsVersion(int major, int minor, int build) {
  private static final WindowsVersion NONE = new WindowsVersion(0, 0, 0);
  private static final Pattern FORM =
      Pattern.compile("([0-9]{1,3})\\.([0-9]{1,3})\\.([0-9]{1,5})(?:\\..*)?");

  /** Releases whose kernel interface is stable, Server 2022 and 2025, in order. */
  private static final List<Integer> STABLE = List.of(20348, 26100);

  /** Parses {@code 10.0.17763[...]}; what has another form is no version. */
  static WindowsVersion parse(String text) {
    Matcher matcher = FORM.matcher(text);
    return matcher.matches()
        ? new WindowsVersion(
            Integer.parseInt(matcher.group(1)),
            Integer.parseInt(matcher.group(2)),
            Integer.parseInt(matcher.group(3)))
        : NONE;
  }

  /** Whether a container of that version runs here; of unknown versions, all do. */
  boolean runs(String container) {
    if (equals(NONE) || container.isEmpty()) {
      return true;
    }
    WindowsVersion other = parse(container);
    if (major != other.major || minor != other.minor) {
      return false;
    }
    if (build < STABLE.getFirst()) {
      return build == other.build;
    }
    int oldest =
        STABLE.stream().filter(release -> release < build).reduce(STABLE.getFirst(), Math::max);
    return oldest <= other.build && other.build <= build;
  }
}
