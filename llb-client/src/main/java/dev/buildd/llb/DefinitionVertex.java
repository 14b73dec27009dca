package dev.buildd.llb;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.pb.Input;
import dev.buildd.proto.pb.Location;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.proto.pb.Source;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A step of a definition that was made elsewhere. It is written down with the bytes it came in. */
final class DefinitionVertex extends StateVertex {
  private final ByteString bytes;
  private final OpMetadata metadata;
  private final List<Output> inputs;
  private final Optional<dev.buildd.base.content.Platform> platform;

  private DefinitionVertex(ByteString bytes, Op op, OpMetadata metadata, List<Output> inputs) {
    super(new Constraints());
    this.bytes = bytes;
    this.metadata = metadata;
    this.inputs = List.copyOf(inputs);
    this.platform =
        op.hasPlatform()
            ? Optional.of(PlatformMessages.of(op.getPlatform()))
            : Optional.<dev.buildd.base.content.Platform>empty();
  }

  /**
   * What the definition makes; empty for the empty filesystem.
   *
   * @param known steps of definitions read before, by digest
   */
  static Optional<Output> read(Definition definition, Map<String, DefinitionVertex> known) {
    dev.buildd.proto.pb.Definition proto = definition.toProto();
    if (definition.isEmpty()) {
      return Optional.empty();
    }
    List<SourceMap> maps = maps(proto.getSource());
    Op last = Op.getDefaultInstance();
    for (ByteString bytes : proto.getDefList()) {
      last = parse(bytes);
      String digest = Digest.of(bytes.toByteArray()).toString();
      if (known.containsKey(digest)) {
        continue;
      }
      List<Output> inputs = new ArrayList<>();
      for (Input input : last.getInputsList()) {
        inputs.add(output(known, input));
      }
      DefinitionVertex vertex =
          new DefinitionVertex(
              bytes,
              last,
              proto.getMetadataOrDefault(digest, OpMetadata.getDefaultInstance()),
              inputs);
      if (proto.getSource().containsLocations(digest)) {
        for (Location at : proto.getSource().getLocationsOrThrow(digest).getLocationsList()) {
          vertex.own.locations.add(
              new SourceLocation(
                  map(maps, at.getSourceIndex()),
                  at.getRangesList().stream().map(SourceMap.Span::of).toList()));
        }
      }
      known.put(digest, vertex);
    }
    return last.getInputsCount() == 0
        ? Optional.empty()
        : Optional.of(output(known, last.getInputs(0)));
  }

  private static List<SourceMap> maps(Source source) {
    return source.getInfosList().stream()
        .map(info ->
            new SourceMap(
                info.hasDefinition()
                    ? Optional.of(State.of(Definition.of(info.getDefinition())))
                    : Optional.<State>empty(),
                info.getFilename(),
                info.getLanguage(),
                info.getData().toByteArray()))
        .toList();
  }

  private static SourceMap map(List<SourceMap> maps, int index) {
    if (index < 0 || index >= maps.size()) {
      throw BuildException.invalid("definition lacks its source " + index);
    }
    return maps.get(index);
  }

  private static Op parse(ByteString bytes) {
    try {
      return Op.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse llb proto op", e);
    }
  }

  private static Output output(Map<String, DefinitionVertex> known, Input input) {
    DefinitionVertex vertex = known.get(input.getDigest());
    if (vertex == null) {
      throw BuildException.invalid("definition lacks its input " + input.getDigest());
    }
    int index = (int) input.getIndex();
    return new Output(vertex, () -> index, Optional.empty(), vertex.platform);
  }

  @Override
  List<Output> inputs() {
    return inputs;
  }

  @Override
  Written write(Marshaller marshaller) {
    return new Written(bytes, metadata);
  }
}
