package dev.buildd.frontend.dockerfile.source;

import dev.buildd.llb.SourceMap;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Lines of a Dockerfile, the first of which is 1. An instruction's are all of its physical lines,
 * documents included (dockerfile.md section 1.7).
 *
 * @param first the first line; 0 if the fault was found before any line was counted
 * @param last the last line; less than the first if the place is not known
 */
public record Location(int first, int last) {
  /** Nowhere that can be shown. */
  public static final Location NONE = new Location(0, -1);

  public static Location line(int line) {
    return new Location(line, line);
  }

  public boolean isNone() {
    return last < first;
  }

  /** One span for each line, as operations, warnings and errors carry them. */
  public List<SourceMap.Span> spans() {
    return IntStream.rangeClosed(first, last)
        .mapToObj(line -> SourceMap.Span.lines(line, line))
        .toList();
  }
}
