package dev.buildd.solver.llb;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.llb.PlatformMessages;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.Input;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.proto.pb.ProgressGroup;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Vertex;
import dev.buildd.solver.source.RedactedUrl;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Turns a definition into vertices. The received bytes of an operation are its identity; nothing is
 * encoded again. What is malformed is refused here, before any of it runs.
 *
 * <p>Made for one definition, used by one thread.
 */
public final class DefinitionLoader {
  private static final int MAX_NAME = 1 << 15;

  private final OpFactory factory;
  private final Map<String, Op> ops = new HashMap<>();
  private final Map<String, OpMetadata> metadata;
  private final List<CacheSource> caches;
  private final Map<String, Vertex> vertices = new HashMap<>();

  private DefinitionLoader(
      OpFactory factory, Map<String, OpMetadata> metadata, List<CacheSource> caches) {
    this.factory = factory;
    this.metadata = metadata;
    this.caches = List.copyOf(caches);
  }

  /**
   * The edge that the definition's last entry selects.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if the definition is malformed
   */
  public static Edge load(Definition definition, OpFactory factory) {
    return load(definition, factory, List.of());
  }

  /** As {@link #load(Definition, OpFactory)}, with caches beside the daemon's own. */
  static Edge load(Definition definition, OpFactory factory, List<CacheSource> caches) {
    if (definition.getDefCount() == 0) {
      throw BuildException.invalid("invalid empty definition");
    }
    return new DefinitionLoader(factory, definition.getMetadataMap(), caches).load(definition);
  }

  private Edge load(Definition definition) {
    String last = "";
    for (ByteString bytes : definition.getDefList()) {
      Op op;
      try {
        op = Op.parseFrom(bytes);
      } catch (InvalidProtocolBufferException e) {
        throw new BuildException(
            Category.INVALID_ARGUMENT, "failed to parse llb proto op: " + e.getMessage(), e);
      }
      for (int i = 0; i < op.getInputsCount(); i++) {
        long index = op.getInputs(i).getIndex();
        if (index < 0 || index > Integer.MAX_VALUE) {
          throw BuildException.invalid("invalid input " + i + " output index " + index);
        }
      }
      last = Digest.of(bytes.toByteArray()).toString();
      ops.put(last, op);
    }
    if (ops.size() < 2) {
      throw BuildException.invalid("invalid LLB with " + ops.size() + " vertexes");
    }
    Op terminal = ops.get(last);
    if (terminal == null || terminal.getInputsCount() == 0) {
      throw BuildException.invalid("invalid LLB with no inputs on last vertex");
    }
    Input selected = terminal.getInputs(0);
    makeAll(selected.getDigest());
    return new Edge(vertex(selected.getDigest()), (int) selected.getIndex());
  }

  /**
   * Makes the vertex and, before it, all it rests on; a chain may be very long, so no recursion.
   */
  private void makeAll(String digest) {
    Deque<String> pending = new ArrayDeque<>(List.of(digest));
    Set<String> begun = new HashSet<>();
    while (!pending.isEmpty()) {
      String next = pending.peek();
      if (vertices.containsKey(next)) {
        pending.pop();
        continue;
      }
      Op op = ops.get(next);
      if (op == null) {
        throw BuildException.invalid("invalid missing input digest " + next);
      }
      boolean ready = true;
      for (Input input : op.getInputsList()) {
        if (!vertices.containsKey(input.getDigest())) {
          pending.push(input.getDigest());
          ready = false;
        }
      }
      if (ready) {
        pending.pop();
        vertices.put(next, make(Digest.parse(next), op));
      } else if (!begun.add(next)) {
        throw BuildException.invalid("invalid LLB with a cycle through " + next);
      }
    }
  }

  private Vertex vertex(String digest) {
    Vertex vertex = vertices.get(digest);
    if (vertex == null) {
      throw BuildException.invalid("invalid missing input digest " + digest);
    }
    return vertex;
  }

  private Vertex make(Digest digest, Op op) {
    OpValidator.validate(op);
    OpMetadata meta = metadata.getOrDefault(digest.toString(), OpMetadata.getDefaultInstance());
    List<Edge> inputs = new ArrayList<>(op.getInputsCount());
    for (Input input : op.getInputsList()) {
      inputs.add(new Edge(vertex(input.getDigest()), (int) input.getIndex()));
    }
    String custom = meta.getDescriptionOrDefault("llb.customname", "");
    String name =
        RedactedUrl.within(custom.isEmpty() ? shortened(defaultName(op, inputs)) : custom);
    Optional<Vertex.ProgressGroup> group =
        meta.hasProgressGroup() ? Optional.of(group(meta.getProgressGroup())) : Optional.empty();
    return new LlbVertex(
        digest,
        name,
        inputs,
        meta.getIgnoreCache(),
        !meta.hasExportCache() || meta.getExportCache().getValue(),
        group,
        caches,
        factory.create(OpFactory.Request.of(op, meta, digest, name, platform(op))),
        op);
  }

  /** Names are made of names: a small graph could ask for one that fills all memory. */
  private static String shortened(String name) {
    return name.length() <= MAX_NAME ? name : name.substring(0, MAX_NAME) + "...";
  }

  private static Vertex.ProgressGroup group(ProgressGroup group) {
    return new Vertex.ProgressGroup(group.getId(), group.getName(), group.getWeak());
  }

  private static Platform platform(Op op) {
    if (!op.hasPlatform()) {
      return Platform.host();
    }
    return PlatformMessages.of(op.getPlatform()).normalized();
  }

  /** What users see of an operation that was given no name of its own (wire.md section 2.3). */
  private static String defaultName(Op op, List<Edge> inputs) {
    return switch (op.getOpCase()) {
      case SOURCE -> op.getSource().getIdentifier();
      case EXEC -> String.join(" ", op.getExec().getMeta().getArgsList());
      case FILE ->
          String.join(
              ", ",
              op.getFile().getActionsList().stream().map(DefinitionLoader::actionName).toList());
      case BUILD -> "build";
      case MERGE ->
          "merge (" + String.join(", ", inputs.stream().map(e -> e.vertex().name()).toList()) + ")";
      case DIFF ->
          "diff "
              + side(op.getDiff().getLower().getInput(), inputs)
              + " -> "
              + side(op.getDiff().getUpper().getInput(), inputs);
      case PASSTHROUGH -> "passthrough " + op.getPassthrough().getId();
      case OP_NOT_SET -> "unknown";
    };
  }

  private static String side(long input, List<Edge> inputs) {
    return input == -1 ? "scratch" : "(" + inputs.get((int) input).vertex().name() + ")";
  }

  private static String actionName(FileAction action) {
    return switch (action.getActionCase()) {
      case MKDIR -> "mkdir " + action.getMkdir().getPath();
      case MKFILE -> "mkfile " + action.getMkfile().getPath();
      case SYMLINK ->
          "symlink " + action.getSymlink().getNewpath() + " -> " + action.getSymlink().getOldpath();
      case RM -> "rm " + action.getRm().getPath();
      case COPY -> "copy " + action.getCopy().getSrc() + " " + action.getCopy().getDest();
      case ACTION_NOT_SET -> "unknown";
    };
  }
}
