package dev.buildd.solver.ops;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.PassthroughOp;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import java.util.Collections;
import java.util.List;

/** Hands inputs on as they are, so that they are wanted together. */
public final class PassthroughOperation implements Op {
  private final PassthroughOp message;
  private final int inputs;

  public PassthroughOperation(PassthroughOp message, int inputs) {
    this.message = message;
    this.inputs = inputs;
  }

  @Override
  public CacheMap cacheMap(OpContext context, int index) {
    Digest digest =
        CacheDigest.of(
            CacheDigest.Kind.JSON,
            "{\"Type\":\"buildkit.passthrough.v0\",\"Passthrough\":"
                + GoProtoJson.toJson(message)
                + "}");
    return new CacheMap(
        digest, false, Collections.nCopies(inputs, CacheMap.Dependency.WHOLE), true);
  }

  @Override
  public boolean usesInputs() {
    return false;
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> inputs) {
    return message.getOutputsList().stream()
        .map(input -> inputs.get(input.intValue()).share())
        .toList();
  }

  @Override
  public boolean takesPermit() {
    return false;
  }
}
