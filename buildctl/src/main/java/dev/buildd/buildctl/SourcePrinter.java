package dev.buildd.buildctl;

import dev.buildd.gateway.SolveException;
import dev.buildd.llb.SourceMap;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/** Shows the lines that a failed step was made from. */
final class SourcePrinter {
  private static final String RULE = "--------------------";

  private SourcePrinter() {}

  static void print(List<SolveException.Place> places, PrintStream out) {
    places.forEach(place -> print(place, out));
  }

  private static void print(SolveException.Place place, PrintStream out) {
    String[] lines = new String(place.source().data(), StandardCharsets.UTF_8).split("\n", -1);
    int start = Integer.MAX_VALUE;
    int end = 0;
    for (SourceMap.Span span : place.spans()) {
      start = Math.min(start, span.startLine());
      end = Math.max(end, Math.max(span.startLine(), span.endLine()));
    }
    if (place.spans().isEmpty() || start > lines.length || start < 1) {
      return;
    }
    end = Math.min(end, lines.length);
    int first = start;
    int context = end == start ? 4 : 2;
    for (int added = 0; added < context; added++) {
      if (start > 1) {
        start--;
        added++;
      }
      if (end != lines.length) {
        end++;
        added++;
      }
    }
    out.println(place.source().filename() + ":" + first);
    out.println(RULE);
    for (int line = start; line <= end; line++) {
      int at = line;
      boolean named =
          place.spans().stream()
              .anyMatch(span ->
                  span.startLine() <= at && Math.max(span.startLine(), span.endLine()) >= at);
      out.println(
          String.format(Locale.ROOT, " %3d | %s %s", line, named ? ">>>" : "   ", lines[line - 1]));
    }
    out.println(RULE);
  }
}
