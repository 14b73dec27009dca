package dev.buildd.llb;

import dev.buildd.proto.pb.DiffOp;
import dev.buildd.proto.pb.LowerDiffInput;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.UpperDiffInput;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A step that takes what one filesystem has beyond another. */
final class DiffVertex extends StateVertex {
  private final Optional<Output> lower;
  private final Optional<Output> upper;

  DiffVertex(Optional<Output> lower, Optional<Output> upper, Constraints own) {
    super(own);
    this.lower = lower;
    this.upper = upper;
    own.caps.add(Caps.DIFF);
  }

  @Override
  List<Output> inputs() {
    return Stream.of(lower, upper).flatMap(Optional::stream).toList();
  }

  @Override
  Written write(Marshaller marshaller) {
    Constraints all = marshaller.defaults.with(own);
    Op.Builder op = all.newOp(marshaller.encoding(), false);
    DiffOp.Builder diff =
        DiffOp.newBuilder()
            .setLower(LowerDiffInput.newBuilder().setInput(add(op, lower, marshaller)))
            .setUpper(UpperDiffInput.newBuilder().setInput(add(op, upper, marshaller)));
    return written(marshaller, op.setDiff(diff).build(), all);
  }

  private static int add(Op.Builder op, Optional<Output> input, Marshaller marshaller) {
    if (input.isEmpty()) {
      return -1;
    }
    op.addInputs(marshaller.input(input.get()));
    return op.getInputsCount() - 1;
  }
}
