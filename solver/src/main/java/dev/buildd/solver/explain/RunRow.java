package dev.buildd.solver.explain;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.content.Digest;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.Op;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.solver.graph.RunObserver;
import dev.buildd.solver.llb.LlbVertex;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A run as it is kept: as much of it as tells later runs what differs.
 *
 * @param op the operation, without what its inputs are
 * @param operation the digest of the operation, as it counts for the cache
 * @param name stands for all that the result is made of
 * @param pin what a source turned out to be; else empty
 * @param result the id of the recorded result
 */
record RunRow(
    Instant at,
    String build,
    String step,
    Op op,
    Digest operation,
    String name,
    String pin,
    List<Input> inputs,
    String result) {
  private static final int MAX_DATA = 512;

  /**
   * An input.
   *
   * @param step the name of the step that it comes from
   * @param name stands for what it is made of
   * @param content of what was used of it, where that counts instead
   */
  record Input(String step, String name, Optional<Digest> content) {
    /** What tells it from another. */
    String identity() {
      return content.map(Digest::toString).orElse(name);
    }
  }

  static RunRow of(RunObserver.Facts facts, Instant at) {
    return new RunRow(
        at,
        facts.build(),
        facts.vertex().name(),
        facts.vertex() instanceof LlbVertex vertex
            ? kept(vertex.message())
            : Op.getDefaultInstance(),
        facts.operation(),
        facts.name().value(),
        facts.pin(),
        facts.inputs().stream()
            .map(input -> new Input(input.vertex().name(), input.name().value(), input.content()))
            .toList(),
        "");
  }

  /** Data of files may be large; what it is need not be known, only whether it is the same. */
  private static Op kept(Op op) {
    Op.Builder out = op.toBuilder().clearInputs().clearConstraints();
    if (op.hasFile()) {
      for (FileAction.Builder action : out.getFileBuilder().getActionsBuilderList()) {
        ByteString data = action.getMkfile().getData();
        if (action.hasMkfile() && data.size() > MAX_DATA) {
          action
              .getMkfileBuilder()
              .setData(
                  ByteString.copyFromUtf8(
                      data.size() + " bytes, " + Digest.of(data.toByteArray())));
        }
      }
    }
    if (op.hasBuild()) {
      out.getBuildBuilder().clearDef();
    }
    return out.build();
  }

  RunRow withResult(String id) {
    return new RunRow(at, build, step, op, operation, name, pin, inputs, id);
  }

  byte[] toBytes() {
    Encoder out =
        new Encoder()
            .number(at.getEpochSecond())
            .number(at.getNano())
            .text(build)
            .text(step)
            .bytes(op.toByteArray())
            .text(operation.toString())
            .text(name)
            .text(pin)
            .text(result)
            .number(inputs.size());
    for (Input input : inputs) {
      out.text(input.step).text(input.name).text(input.content.map(Digest::toString).orElse(""));
    }
    return out.toBytes();
  }

  static RunRow of(byte[] bytes) throws InvalidProtocolBufferException {
    Decoder in = new Decoder(bytes);
    Instant at = Instant.ofEpochSecond(in.number(), in.number());
    String build = in.text();
    String step = in.text();
    Op op = Op.parseFrom(in.bytes());
    Digest operation = Digest.parse(in.text());
    String name = in.text();
    String pin = in.text();
    String result = in.text();
    List<Input> inputs = new ArrayList<>();
    for (long left = in.number(); left > 0; left--) {
      String from = in.text();
      String inputName = in.text();
      String content = in.text();
      inputs.add(
          new Input(
              from,
              inputName,
              content.isEmpty() ? Optional.empty() : Optional.of(Digest.parse(content))));
    }
    return new RunRow(at, build, step, op, operation, name, pin, inputs, result);
  }

  /**
   * By what a run is found again, the surest first: equal in all, the same operation, the same step
   * by its name, another operation in the same place, the same source at another time.
   */
  List<byte[]> keys() {
    List<byte[]> out = new ArrayList<>();
    out.add(key("all", name));
    out.add(key("operation", operation.toString()));
    String plain = plainName();
    if (!plain.isEmpty()) {
      out.add(key("step", plain));
    }
    if (!inputs.isEmpty()) {
      out.add(key("place", op.getOpCase() + " " + inputs.getFirst().identity()));
      String stage = StepNames.stage(step);
      if (!stage.isEmpty()) {
        out.add(key("position", op.getOpCase() + " " + stage));
      }
    }
    return out;
  }

  /** What users call the step, without what changes when others come or go. */
  String plainName() {
    return op.hasSource()
        ? StepNames.unpinned(op.getSource().getIdentifier())
        : StepNames.plain(step);
  }

  /** By what the run is found whose result it is. */
  static byte[] resultKey(String id) {
    return key("result", id);
  }

  private static byte[] key(String kind, String value) {
    byte[] hash = Digest.newHash().digest((kind + "\0" + value).getBytes(StandardCharsets.UTF_8));
    return Arrays.copyOf(hash, 12); // two that meet are told apart by what they hold
  }
}
