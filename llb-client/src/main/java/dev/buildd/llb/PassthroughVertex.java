package dev.buildd.llb;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.PassthroughOp;
import java.util.ArrayList;
import java.util.List;

/** A step whose result is one of its inputs, once all of them are there. */
final class PassthroughVertex extends StateVertex {
  private final String id;
  private final List<Output> inputs = new ArrayList<>();

  PassthroughVertex(String id, Output passed, List<Output> awaited, Constraints own) {
    super(own);
    this.id = id;
    inputs.add(passed);
    inputs.addAll(awaited);
    own.caps.add(Caps.PASSTHROUGH);
  }

  @Override
  List<Output> inputs() {
    return inputs;
  }

  @Override
  Written write(Marshaller marshaller) {
    if (id.isEmpty()) {
      throw BuildException.invalid("passthrough requires an id");
    }
    Constraints all = marshaller.defaults.with(own);
    Op.Builder op = all.newOp(marshaller.encoding(), false);
    inputs.forEach(input -> op.addInputs(marshaller.input(input)));
    return written(
        marshaller,
        op.setPassthrough(PassthroughOp.newBuilder().setId(id).addOutputs(0)).build(),
        all);
  }
}
