package dev.buildd.llb;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.encoding.GoEncoder;
import dev.buildd.proto.pb.Input;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Writes a graph of steps down, each once, inputs first. */
final class Marshaller {
  /** How many bytes the steps of a definition may have; no daemon would take near as many. */
  private static final long MAX_BYTES = 128 << 20;

  private record Encoded(ByteString bytes, String digest, OpMetadata metadata) {}

  final MarshalOptions options;
  final Constraints defaults;
  private final IdentityHashMap<StateVertex, Encoded> encoded = new IdentityHashMap<>();
  private final List<ByteString> ops = new ArrayList<>();
  private final Map<String, OpMetadata> metadata = new LinkedHashMap<>();
  private final SourceMap.Collector sources;
  private long size;

  Marshaller(MarshalOptions options) {
    this.options = options;
    this.sources = new SourceMap.Collector(options);
    this.defaults = options.defaults();
  }

  Encoding encoding() {
    return options.encoding();
  }

  /** The reference to a result of a step that has been written. */
  Input input(Output output) {
    if (output.problem().isPresent()) {
      throw BuildException.invalid(output.problem().get());
    }
    return Input.newBuilder()
        .setDigest(encode(output.resolved().vertex()).digest)
        .setIndex(output.resolved().index().getAsInt())
        .build();
  }

  private Encoded encode(StateVertex vertex) {
    Encoded known = encoded.get(vertex);
    if (known != null) {
      return known;
    }
    StateVertex.Written written = vertex.write(this);
    size += written.bytes().size();
    if (size > MAX_BYTES) {
      throw BuildException.invalid("the steps of the definition have more than 128 MiB");
    }
    Encoded fresh =
        new Encoded(
            written.bytes(),
            Digest.of(written.bytes().toByteArray()).toString(),
            written.metadata());
    encoded.put(vertex, fresh);
    return fresh;
  }

  private record Visit(StateVertex vertex, boolean inputsDone) {}

  // a stack of our own: chains of thousands of steps are usual
  private void visit(StateVertex head) {
    Set<StateVertex> done = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
    Set<String> written = new HashSet<>();
    Deque<Visit> pending = new ArrayDeque<>();
    pending.push(new Visit(head, false));
    while (!pending.isEmpty()) {
      Visit visit = pending.pop();
      if (done.contains(visit.vertex)) {
        continue;
      }
      if (!visit.inputsDone) {
        pending.push(new Visit(visit.vertex, true));
        for (Output input : visit.vertex.inputs().reversed()) {
          pending.push(new Visit(input.resolved().vertex(), false));
        }
        continue;
      }
      done.add(visit.vertex);
      Encoded step = encode(visit.vertex);
      metadata.merge(step.digest, step.metadata, Marshaller::merge);
      sources.add(step.digest, visit.vertex.own.locations);
      if (written.add(step.digest)) {
        ops.add(step.bytes);
      }
    }
  }

  private static OpMetadata merge(OpMetadata a, OpMetadata b) {
    OpMetadata.Builder out =
        a.toBuilder()
            .setIgnoreCache(a.getIgnoreCache() || b.getIgnoreCache())
            .putAllDescription(b.getDescriptionMap())
            .putAllCaps(b.getCapsMap());
    if (b.hasExportCache()) {
      out.setExportCache(b.getExportCache());
    }
    if (b.hasProgressGroup()) {
      out.setProgressGroup(b.getProgressGroup());
    }
    if (b.hasLinuxResources()) {
      out.setLinuxResources(b.getLinuxResources());
    }
    return out.build();
  }

  Definition marshal(Output result) {
    visit(result.resolved().vertex());
    ByteString terminal = GoEncoder.encode(Op.newBuilder().addInputs(input(result)).build());
    ops.add(terminal);
    if (encoding() == Encoding.TODAY) {
      OpMetadata.Builder caps =
          OpMetadata.newBuilder().putCaps(Caps.CONSTRAINTS, true).putCaps(Caps.PLATFORM, true);
      for (OpMetadata each : metadata.values()) {
        if (each.getIgnoreCache()) {
          caps.putCaps(Caps.META_IGNORE_CACHE, true);
        }
        if (each.getDescriptionCount() > 0) {
          caps.putCaps(Caps.META_DESCRIPTION, true);
        }
        if (each.hasExportCache()) {
          caps.putCaps(Caps.META_EXPORT_CACHE, true);
        }
      }
      metadata.put(Digest.of(terminal.toByteArray()).toString(), caps.build());
    }
    dev.buildd.proto.pb.Definition.Builder out =
        dev.buildd.proto.pb.Definition.newBuilder().addAllDef(ops).putAllMetadata(metadata);
    if (encoding() == Encoding.TODAY) {
      out.setSource(sources.toProto());
    }
    return Definition.of(out.build());
  }
}
