package dev.buildd.solver.llb;

import dev.buildd.proto.pb.Range;
import dev.buildd.proto.pb.SourceInfo;
import java.util.List;

/** Lines of a file from which a vertex was made. */
public record SourceLocation(SourceInfo info, List<Range> ranges) {
  public SourceLocation {
    ranges = List.copyOf(ranges);
  }
}
