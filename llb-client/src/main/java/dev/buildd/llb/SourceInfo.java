package dev.buildd.llb;

import com.google.protobuf.ByteString;
import java.util.Optional;

/**
 * A text that steps were made from.
 *
 * @param language as GitHub's linguist names it; empty if nobody says
 * @param definition of the filesystem in which the file is, if it is in one
 */
public record SourceInfo(
    String filename, String language, byte[] data, Optional<Definition> definition) {
  /** As a definition has it. */
  public static SourceInfo of(dev.buildd.proto.pb.SourceInfo source) {
    return new SourceInfo(
        source.getFilename(),
        source.getLanguage(),
        source.getData().toByteArray(),
        source.hasDefinition()
            ? Optional.of(Definition.of(source.getDefinition()))
            : Optional.empty());
  }

  public dev.buildd.proto.pb.SourceInfo toProto() {
    dev.buildd.proto.pb.SourceInfo.Builder out =
        dev.buildd.proto.pb.SourceInfo.newBuilder()
            .setFilename(filename)
            .setLanguage(language)
            .setData(ByteString.copyFrom(data));
    definition.ifPresent(at -> out.setDefinition(at.toProto()));
    return out.build();
  }
}
