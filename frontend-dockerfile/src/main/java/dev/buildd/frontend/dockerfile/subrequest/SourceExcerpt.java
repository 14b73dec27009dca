package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.llb.SourceInfo;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Some lines of a text, with those marked that are meant (section 8.3). */
final class SourceExcerpt {
  private static final String RULE = "-".repeat(20) + "\n";

  private SourceExcerpt() {}

  /** Empty if the place is not in the text. */
  static String of(SourceInfo source, Location location) {
    String[] lines = new String(source.data(), StandardCharsets.UTF_8).split("\n", -1);
    if (location.isNone() || location.first() < 1 || location.first() > lines.length) {
      return "";
    }
    int first = location.first();
    int last = Math.min(location.last(), lines.length);
    // one line stands with two on each side, several with one
    int wanted = first == last ? 4 : 2;
    for (int given = 0; given < wanted; given++) {
      if (first > 1) {
        first--;
        given++;
      }
      if (last < lines.length) {
        last++;
        given++;
      }
    }
    StringBuilder out =
        new StringBuilder(source.filename())
            .append(':')
            .append(location.first())
            .append('\n')
            .append(RULE);
    for (int line = first; line <= last; line++) {
      boolean marked = location.first() <= line && line <= location.last();
      out.append(
          String.format(
              Locale.ROOT, " %3d | %s %s\n", line, marked ? ">>>" : "   ", lines[line - 1]));
    }
    return out.append(RULE).toString();
  }
}
