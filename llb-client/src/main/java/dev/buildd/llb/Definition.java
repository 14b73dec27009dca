package dev.buildd.llb;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.encoding.GoEncoder;
import dev.buildd.proto.pb.Op;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A build, written down. The bytes of its steps are their identity and are never written anew. */
public final class Definition {
  private final dev.buildd.proto.pb.Definition proto;

  private Definition(dev.buildd.proto.pb.Definition proto) {
    this.proto = proto;
  }

  public static Definition of(dev.buildd.proto.pb.Definition proto) {
    return new Definition(proto);
  }

  /** Of the empty filesystem. */
  public static Definition empty() {
    return new Definition(dev.buildd.proto.pb.Definition.getDefaultInstance());
  }

  public static Definition readFrom(InputStream in) throws IOException {
    try {
      return new Definition(dev.buildd.proto.pb.Definition.parseFrom(in));
    } catch (InvalidProtocolBufferException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "not an LLB definition", e);
    }
  }

  public void writeTo(OutputStream out) throws IOException {
    GoEncoder.encode(proto).writeTo(out);
  }

  /** As {@link #writeTo} writes it. */
  public byte[] encoded() {
    return GoEncoder.encode(proto).toByteArray();
  }

  public dev.buildd.proto.pb.Definition toProto() {
    return proto;
  }

  public boolean isEmpty() {
    return proto.getDefCount() == 0;
  }

  public List<ByteString> ops() {
    return proto.getDefList();
  }

  /** The digest of the step whose result this is; empty for the empty filesystem. */
  public Optional<String> head() {
    if (isEmpty()) {
      return Optional.empty();
    }
    Op terminal = parse(proto.getDef(proto.getDefCount() - 1));
    return terminal.getInputsCount() == 0
        ? Optional.empty()
        : Optional.of(terminal.getInputs(0).getDigest());
  }

  /** A source, as its operation names it. */
  public record SourceStep(String identifier, Map<String, String> attributes) {
    public SourceStep {
      attributes = Map.copyOf(attributes);
    }
  }

  /** All that is brought in from outside, inputs first. */
  public List<SourceStep> sources() {
    List<SourceStep> out = new ArrayList<>();
    for (ByteString bytes : ops()) {
      Op op = parse(bytes);
      if (op.hasSource()) {
        out.add(new SourceStep(op.getSource().getIdentifier(), op.getSource().getAttrsMap()));
      }
    }
    return out;
  }

  private static Op parse(ByteString bytes) {
    try {
      return Op.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse llb proto op", e);
    }
  }

  /** The digest of the last operation, which stands for the whole. */
  public Optional<String> terminal() {
    return isEmpty()
        ? Optional.empty()
        : Optional.of(Digest.of(proto.getDef(proto.getDefCount() - 1).toByteArray()).toString());
  }
}
