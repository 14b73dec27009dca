package dev.buildd.llb;

import dev.buildd.proto.pb.Op;
import java.util.List;

/** A step. Compared by identity: a step that is used twice is written down once. */
abstract sealed class StateVertex
    permits SourceVertex,
        ExecVertex,
        FileVertex,
        MergeVertex,
        DiffVertex,
        BuildVertex,
        PassthroughVertex {
  /** What is said of the step when it is written down. */
  record Written(Op op, Constraints constraints) {}

  final Constraints own;

  StateVertex(Constraints own) {
    this.own = own;
  }

  abstract List<Output> inputs();

  abstract Written write(Marshaller marshaller);
}
