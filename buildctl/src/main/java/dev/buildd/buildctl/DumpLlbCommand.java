package dev.buildd.buildctl;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.GoJson;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.llb.Definition;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileOp;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;

/** {@code buildctl debug dump-llb}. */
final class DumpLlbCommand {
  private record Step(Op op, String digest, OpMetadata metadata) {}

  private DumpLlbCommand() {}

  static Command create(PrintStream out) {
    return Command.of(
            "dump-llb",
            "dump LLB in human-readable format. LLB can be also passed via stdin. This command does"
                + " not require the daemon to be running.",
            List.of(Flag.bool("dot", "Output dot format")),
            flags -> run(flags, out))
        .withArguments("<llbfile>");
  }

  private static void run(Invocation flags, PrintStream out) throws Exception {
    String file = flags.arguments().isEmpty() ? "-" : flags.arguments().getFirst();
    Definition definition;
    if (file.equals("-")) {
      definition = Definition.readFrom(System.in);
    } else {
      try (InputStream in = Files.newInputStream(Path.of(file))) {
        definition = Definition.readFrom(in);
      }
    }
    List<Step> steps = steps(definition);
    if (flags.flag("dot")) {
      dot(steps, out);
    } else {
      for (Step step : steps) {
        out.println(
            "{\"Op\":"
                + json(step.op)
                + ",\"Digest\":"
                + GoJson.quote(step.digest)
                + ",\"OpMetadata\":"
                + GoProtoJson.toJson(step.metadata)
                + "}");
      }
    }
  }

  /** As Go prints it: of a file action the places are there even if they are zero. */
  private static String json(Op op) {
    String text = GoProtoJson.toJson(op);
    if (op.getOpCase() == Op.OpCase.OP_NOT_SET) {
      String fields = text.substring(0, text.length() - 1);
      return fields + (fields.length() > 1 ? "," : "") + "\"Op\":{}}";
    }
    if (!op.hasFile()) {
      return text;
    }
    String actions =
        String.join(",", op.getFile().getActionsList().stream().map(DumpLlbCommand::json).toList());
    Op bare = op.toBuilder().setFile(FileOp.getDefaultInstance()).build();
    return GoProtoJson.toJson(bare)
        .replaceFirst(
            "\"file\":\\{}", Matcher.quoteReplacement("\"file\":{\"actions\":[" + actions + "]}"));
  }

  private static String json(FileAction action) {
    FileAction bare = action.toBuilder().clearInput().clearSecondaryInput().clearOutput().build();
    return "{\"input\":"
        + action.getInput()
        + ",\"secondaryInput\":"
        + action.getSecondaryInput()
        + ",\"output\":"
        + action.getOutput()
        + ","
        + GoProtoJson.toJson(bare).substring(1);
  }

  private static List<Step> steps(Definition definition) {
    List<Step> steps = new ArrayList<>();
    for (ByteString bytes : definition.ops()) {
      try {
        String digest = Digest.of(bytes.toByteArray()).toString();
        steps.add(
            new Step(
                Op.parseFrom(bytes),
                digest,
                definition
                    .toProto()
                    .getMetadataOrDefault(digest, OpMetadata.getDefaultInstance())));
      } catch (InvalidProtocolBufferException e) {
        throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse op", e);
      }
    }
    return steps;
  }

  private static void dot(List<Step> steps, PrintStream out) {
    out.println("digraph {");
    for (Step step : steps) {
      out.println(
          "  "
              + quote(step.digest)
              + " [label="
              + quote(label(step))
              + " shape="
              + quote(shape(step.op))
              + "];");
    }
    for (Step step : steps) {
      for (int i = 0; i < step.op.getInputsCount(); i++) {
        String mount = "";
        for (Mount m : step.op.getExec().getMountsList()) {
          if (m.getInput() == i && !m.getDest().equals("/")) {
            mount = m.getDest();
          }
        }
        out.println(
            "  "
                + quote(step.op.getInputs(i).getDigest())
                + " -> "
                + quote(step.digest)
                + " [label="
                + quote(mount)
                + "];");
      }
    }
    out.println("}");
  }

  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> out.append(c);
      }
    }
    return out.append('"').toString();
  }

  private static String label(Step step) {
    Op op = step.op;
    return switch (op.getOpCase()) {
      case SOURCE -> op.getSource().getIdentifier();
      case EXEC -> String.join(" ", op.getExec().getMeta().getArgsList());
      case BUILD -> "build";
      case MERGE -> "merge";
      case DIFF -> "diff";
      case FILE ->
          String.join(
              ",", op.getFile().getActionsList().stream().map(DumpLlbCommand::name).toList());
      case PASSTHROUGH, OP_NOT_SET -> step.digest;
    };
  }

  private static String shape(Op op) {
    return switch (op.getOpCase()) {
      case SOURCE -> "ellipse";
      case EXEC -> "box";
      case BUILD -> "box3d";
      case MERGE -> "invtriangle";
      case DIFF -> "doublecircle";
      case FILE -> "note";
      case PASSTHROUGH, OP_NOT_SET -> "plaintext";
    };
  }

  private static String name(FileAction action) {
    return switch (action.getActionCase()) {
      case COPY ->
          "copy{src=" + action.getCopy().getSrc() + ", dest=" + action.getCopy().getDest() + "}";
      case MKFILE -> "mkfile{path=" + action.getMkfile().getPath() + "}";
      case MKDIR -> "mkdir{path=" + action.getMkdir().getPath() + "}";
      case RM -> "rm{path=" + action.getRm().getPath() + "}";
      case SYMLINK ->
          "symlink{oldpath="
              + action.getSymlink().getOldpath()
              + ", newpath="
              + action.getSymlink().getNewpath()
              + "}";
      case ACTION_NOT_SET -> "";
    };
  }
}
