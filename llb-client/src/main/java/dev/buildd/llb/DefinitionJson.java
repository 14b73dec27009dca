package dev.buildd.llb;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.encoding.ProtoJson;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * Definitions as JSON to be read by people and tools ({@code frontend.convertllb}, dockerfile.md
 * section 6): as values of {@link Json}.
 */
public final class DefinitionJson {
  private DefinitionJson() {}

  /** Steps and what is said of them by their digests, and the texts that they were made from. */
  public static SequencedMap<String, Object> of(Definition definition) {
    Map<String, Object> steps = new TreeMap<>();
    for (ByteString bytes : definition.ops()) {
      try {
        steps.put(Digest.of(bytes.toByteArray()).toString(), ProtoJson.of(Op.parseFrom(bytes)));
      } catch (InvalidProtocolBufferException e) {
        throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse llb proto op", e);
      }
    }
    Map<String, Object> metadata = new TreeMap<>();
    definition
        .toProto()
        .getMetadataMap()
        .forEach((digest, said) -> metadata.put(digest, metadata(said)));
    SequencedMap<String, Object> out = new LinkedHashMap<>();
    out.put("def", steps);
    out.put("metadata", metadata);
    out.put("source", ProtoJson.of(definition.toProto().getSource()));
    return out;
  }

  private static SequencedMap<String, Object> metadata(OpMetadata said) {
    SequencedMap<String, Object> out = new LinkedHashMap<>();
    if (said.getIgnoreCache()) {
      out.put("ignore_cache", true);
    }
    if (said.getDescriptionCount() > 0) {
      out.put("description", new TreeMap<>(said.getDescriptionMap()));
    }
    if (said.hasExportCache()) {
      out.put("export_cache", struct(said.getExportCache()));
    }
    if (said.getCapsCount() > 0) {
      out.put("caps", new TreeMap<>(said.getCapsMap()));
    }
    if (said.hasProgressGroup()) {
      out.put("progress_group", struct(said.getProgressGroup()));
    }
    if (said.hasLinuxResources()) {
      out.put("linux_resources", struct(said.getLinuxResources()));
    }
    return out;
  }

  /** A text that steps were made from, as Go prints it. */
  public static Map<String, Object> of(SourceInfo source) {
    return struct(source.toProto());
  }

  private static Map<String, Object> struct(Message message) {
    return Json.parseObject(
        GoProtoJson.toJson(message).getBytes(StandardCharsets.UTF_8), "message");
  }
}
