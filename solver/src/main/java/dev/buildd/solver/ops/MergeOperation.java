package dev.buildd.solver.ops;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.MergeInput;
import dev.buildd.proto.pb.MergeOp;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Lays inputs over one another. */
public final class MergeOperation implements Op {
  private final MergeOp message;
  private final int inputs;
  private final String name;
  private final CacheManager cache;

  public MergeOperation(MergeOp message, int inputs, String name, CacheManager cache) {
    this.message = message;
    this.inputs = inputs;
    this.name = name;
    this.cache = cache;
  }

  @Override
  public CacheMap cacheMap(OpContext context, int index) {
    Digest digest =
        CacheDigest.of(
            CacheDigest.Kind.JSON,
            "{\"Type\":\"buildkit.merge.v0\",\"Merge\":" + GoProtoJson.toJson(message) + "}");
    return new CacheMap(
        digest, false, Collections.nCopies(inputs, CacheMap.Dependency.WHOLE), true);
  }

  @Override
  public boolean usesInputs() {
    return false;
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> inputs) {
    List<ImmutableRef> refs = new ArrayList<>();
    for (MergeInput input : message.getInputsList()) {
      RefResult.refOf(inputs.get((int) input.getInput())).ifPresent(refs::add);
    }
    return switch (refs.size()) {
      case 0 -> List.of(RefResult.scratch());
      case 1 -> List.of(RefResult.of(refs.getFirst().share()));
      default -> List.of(RefResult.of(cache.merge(refs, RefOptions.of(name))));
    };
  }
}
