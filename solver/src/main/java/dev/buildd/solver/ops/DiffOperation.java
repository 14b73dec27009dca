package dev.buildd.solver.ops;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.DiffOp;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** What has to be applied to one input to obtain another. */
public final class DiffOperation implements Op {
  private final DiffOp message;
  private final int inputs;
  private final String name;
  private final CacheManager cache;

  public DiffOperation(DiffOp message, int inputs, String name, CacheManager cache) {
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
            "{\"Type\":\"buildkit.diff.v0\",\"Diff\":" + GoProtoJson.toJson(message) + "}");
    return new CacheMap(
        digest, false, Collections.nCopies(inputs, CacheMap.Dependency.WHOLE), true);
  }

  @Override
  public boolean usesInputs() {
    return false;
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> inputs) {
    Optional<ImmutableRef> lower = side(message.getLower().getInput(), inputs);
    Optional<ImmutableRef> upper = side(message.getUpper().getInput(), inputs);
    if (lower.isEmpty()) { // all of the upper, or nothing
      return List.of(
          upper.<SharedResult>map(ref -> RefResult.of(ref.share())).orElseGet(RefResult::scratch));
    }
    if (upper.isPresent() && upper.get().id().equals(lower.get().id())) {
      return List.of(RefResult.scratch());
    }
    return List.of(RefResult.of(cache.diff(lower, upper, RefOptions.of(name))));
  }

  private static Optional<ImmutableRef> side(long input, List<SharedResult> inputs) {
    return input == -1 ? Optional.empty() : RefResult.refOf(inputs.get((int) input));
  }
}
