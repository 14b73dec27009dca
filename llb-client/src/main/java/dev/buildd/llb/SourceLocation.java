package dev.buildd.llb;

import java.util.List;

/** Places in a text. */
record SourceLocation(SourceMap map, List<SourceMap.Span> spans) {
  SourceLocation {
    spans = List.copyOf(spans);
  }
}
