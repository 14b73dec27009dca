package dev.buildd.llb;

import com.google.protobuf.ByteString;
import dev.buildd.proto.pb.Location;
import dev.buildd.proto.pb.Locations;
import dev.buildd.proto.pb.Position;
import dev.buildd.proto.pb.Range;
import dev.buildd.proto.pb.Source;
import dev.buildd.proto.pb.SourceInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A text that steps were made from, so that a failure can show the line that caused it.
 *
 * @param state the filesystem in which the file is, if it is in one
 * @param language as GitHub's linguist names it
 */
public record SourceMap(Optional<State> state, String filename, String language, byte[] data) {
  /** Lines and characters, both from the first named to the last. */
  public record Span(int startLine, int startCharacter, int endLine, int endCharacter) {
    public static Span lines(int first, int last) {
      return new Span(first, 0, last, 0);
    }

    public static Span of(Range range) {
      return new Span(
          range.getStart().getLine(),
          range.getStart().getCharacter(),
          range.getEnd().getLine(),
          range.getEnd().getCharacter());
    }

    public Range toProto() {
      return Range.newBuilder()
          .setStart(Position.newBuilder().setLine(startLine).setCharacter(startCharacter))
          .setEnd(Position.newBuilder().setLine(endLine).setCharacter(endCharacter))
          .build();
    }
  }

  /** Says that a step was made from these places. */
  public ConstraintsOption location(List<Span> spans) {
    SourceLocation location = new SourceLocation(this, spans);
    return constraints -> constraints.locations.add(location);
  }

  /** Gathers the places of a graph's steps. */
  static final class Collector {
    private final MarshalOptions options;
    private final List<SourceMap> maps = new ArrayList<>();
    private final SortedMap<String, Locations.Builder> locations = new TreeMap<>();

    Collector(MarshalOptions options) {
      this.options = options;
    }

    void add(String digest, List<SourceLocation> places) {
      Locations.Builder of = locations.computeIfAbsent(digest, d -> Locations.newBuilder());
      for (SourceLocation place : places) {
        int index = indexOf(place.map());
        if (index < 0) {
          index = maps.size();
          maps.add(place.map());
        }
        of.addLocations(
            Location.newBuilder()
                .setSourceIndex(index)
                .addAllRanges(place.spans().stream().map(Span::toProto).toList()));
      }
    }

    private int indexOf(SourceMap map) {
      for (int i = 0; i < maps.size(); i++) {
        SourceMap known = maps.get(i);
        if (known.filename.equals(map.filename)
            && known.language.equals(map.language)
            && Arrays.equals(known.data, map.data)
            && (known.state.equals(map.state) || terminal(known).equals(terminal(map)))) {
          return i;
        }
      }
      return -1;
    }

    private Optional<String> terminal(SourceMap map) {
      return map.state.flatMap(state -> state.marshal(options).terminal());
    }

    Source toProto() {
      Source.Builder out = Source.newBuilder();
      for (SourceMap map : maps) {
        SourceInfo.Builder info =
            SourceInfo.newBuilder()
                .setFilename(map.filename)
                .setLanguage(map.language)
                .setData(ByteString.copyFrom(map.data));
        map.state.ifPresent(state -> info.setDefinition(state.marshal(options).toProto()));
        out.addInfos(info);
      }
      locations.forEach((digest, places) -> out.putLocations(digest, places.build()));
      return out.build();
    }
  }
}
