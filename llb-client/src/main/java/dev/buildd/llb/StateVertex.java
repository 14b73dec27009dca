package dev.buildd.llb;

import com.google.protobuf.ByteString;
import dev.buildd.proto.encoding.GoEncoder;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import java.util.List;

/** A step. Compared by identity: a step that is used twice is written down once. */
abstract sealed class StateVertex
    permits SourceVertex,
        ExecVertex,
        FileVertex,
        MergeVertex,
        DiffVertex,
        BuildVertex,
        PassthroughVertex,
        DefinitionVertex,
        DeferredVertex {
  /** The step written down, and what is said of it. */
  record Written(ByteString bytes, OpMetadata metadata) {}

  /** Writes an operation with what holds for it. */
  static Written written(Marshaller marshaller, Op op, Constraints constraints) {
    return new Written(GoEncoder.encode(op), constraints.metadata(marshaller.encoding()));
  }

  final Constraints own;

  StateVertex(Constraints own) {
    this.own = own;
  }

  abstract List<Output> inputs();

  abstract Written write(Marshaller marshaller);
}
