package dev.buildd.llb;

import dev.buildd.proto.pb.BuildInput;
import dev.buildd.proto.pb.BuildOp;
import dev.buildd.proto.pb.Op;
import java.util.List;

/** A step that does what is written down in a file of another step's result. */
final class BuildVertex extends StateVertex {
  private static final String DEFINITION = "buildkit.llb.definition";
  private static final int LLB_BUILDER = -1;

  private final Output source;
  private final String filename;

  BuildVertex(Output source, String filename, Constraints own) {
    super(own);
    this.source = source;
    this.filename = filename;
    own.caps.add(Caps.BUILD_OP_FILE_NAME);
  }

  @Override
  List<Output> inputs() {
    return List.of(source);
  }

  @Override
  Written write(Marshaller marshaller) {
    Constraints all = marshaller.defaults.with(own);
    BuildOp.Builder build =
        BuildOp.newBuilder()
            .setBuilder(LLB_BUILDER)
            .putInputs(DEFINITION, BuildInput.getDefaultInstance());
    if (!filename.isEmpty()) {
      build.putAttrs("llbbuild.filename", filename);
    }
    Op.Builder op = all.newOp(marshaller.encoding(), true);
    return written(marshaller, op.addInputs(marshaller.input(source)).setBuild(build).build(), all);
  }
}
