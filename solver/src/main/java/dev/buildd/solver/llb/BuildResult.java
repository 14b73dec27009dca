package dev.buildd.solver.llb;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a frontend made: one result, or one for each platform, and what it says of them. A key
 * without a ref stands for no files.
 */
public record BuildResult(
    Optional<ResultProxy> ref,
    Map<String, Optional<ResultProxy>> refs,
    Map<String, byte[]> metadata)
    implements AutoCloseable {
  public BuildResult {
    refs = new LinkedHashMap<>(refs);
    metadata = new LinkedHashMap<>(metadata);
  }

  public static BuildResult of(ResultProxy ref) {
    return new BuildResult(Optional.of(ref), Map.of(), Map.of());
  }

  public static BuildResult empty() {
    return new BuildResult(Optional.empty(), Map.of(), Map.of());
  }

  /** The refs that there are. */
  public List<ResultProxy> all() {
    List<ResultProxy> out = new ArrayList<>();
    ref.ifPresent(out::add);
    refs.values().forEach(one -> one.ifPresent(out::add));
    return out;
  }

  @Override
  public void close() {
    all().forEach(ResultProxy::close);
  }
}
