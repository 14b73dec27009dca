package dev.buildd.llb;

import dev.buildd.proto.pb.MergeInput;
import dev.buildd.proto.pb.MergeOp;
import dev.buildd.proto.pb.Op;
import java.util.List;

/** A step that lays filesystems over each other. */
final class MergeVertex extends StateVertex {
  private final List<Output> inputs;

  MergeVertex(List<Output> inputs, Constraints own) {
    super(own);
    this.inputs = List.copyOf(inputs);
    own.caps.add(Caps.MERGE);
  }

  @Override
  List<Output> inputs() {
    return inputs;
  }

  @Override
  Written write(Marshaller marshaller) {
    Constraints all = marshaller.defaults.with(own);
    Op.Builder op = all.newOp(marshaller.encoding(), false);
    MergeOp.Builder merge = MergeOp.newBuilder();
    for (Output input : inputs) {
      merge.addInputs(MergeInput.newBuilder().setInput(op.getInputsCount()));
      op.addInputs(marshaller.input(input));
    }
    return written(marshaller, op.setMerge(merge).build(), all);
  }
}
