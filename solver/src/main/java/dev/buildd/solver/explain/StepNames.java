package dev.buildd.solver.explain;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of steps without what changes when other steps come or go. */
final class StepNames {
  /** As Dockerfile frontends name steps: {@code [linux/arm64 build 2/7] RUN make}. */
  private static final Pattern NUMBERED =
      Pattern.compile("\\[((?:[^\\]\\s]+ )*?)(\\d+)/\\d+\\] (.*)", Pattern.DOTALL);

  private static final Pattern PLATFORM = Pattern.compile("\\b\\w+/\\w+(/\\w+)? ");
  private static final Pattern PIN = Pattern.compile("@sha\\d+:[0-9a-f]+");

  private StepNames() {}

  /** The name without its number in the stage, its platform and the digests of images. */
  static String plain(String name) {
    Matcher numbered = NUMBERED.matcher(name);
    String text =
        numbered.matches()
            ? "[" + PLATFORM.matcher(numbered.group(1)).replaceAll("") + "] " + numbered.group(3)
            : name;
    return unpinned(text);
  }

  /** Its stage and place in it; empty if the name has none. */
  static String stage(String name) {
    Matcher numbered = NUMBERED.matcher(name);
    return numbered.matches()
        ? PLATFORM.matcher(numbered.group(1)).replaceAll("") + numbered.group(2)
        : "";
  }

  /** Whether more than half of the longer name is in the other, at its beginning and its end. */
  static boolean areAlike(String a, String b) {
    int shorter = Math.min(a.length(), b.length());
    int begin = 0;
    while (begin < shorter && a.charAt(begin) == b.charAt(begin)) {
      begin++;
    }
    int end = 0;
    while (end < shorter - begin
        && a.charAt(a.length() - 1 - end) == b.charAt(b.length() - 1 - end)) {
      end++;
    }
    return 2 * (begin + end) > Math.max(a.length(), b.length());
  }

  static String unpinned(String text) {
    return PIN.matcher(text).replaceAll("");
  }
}
