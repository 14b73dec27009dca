package dev.buildd.llb;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.SourceOp;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** A step that brings in something from outside. */
final class SourceVertex extends StateVertex {
  // what the first BuildKit knew; everything else came later
  private static final List<String> SEED_ATTRIBUTES =
      List.of("git.keepgitdir", "local.session", "local.includepattern");

  private final String identifier;
  private final SortedMap<String, String> attributes;
  private final Optional<String> problem;

  SourceVertex(
      String identifier,
      SortedMap<String, String> attributes,
      Constraints own,
      Optional<String> problem) {
    super(own);
    this.identifier = identifier;
    this.attributes = attributes;
    this.problem = problem;
  }

  Output output() {
    return new Output(this, () -> 0, Optional.empty(), Optional.ofNullable(own.platform));
  }

  @Override
  List<Output> inputs() {
    return List.of();
  }

  @Override
  Written write(Marshaller marshaller) {
    if (problem.isPresent()) {
      throw BuildException.invalid(problem.get());
    }
    boolean seed = marshaller.encoding() == Encoding.SEED;
    SortedMap<String, String> written = new TreeMap<>(attributes);
    Constraints additions = new Constraints();
    if (seed) {
      written.keySet().retainAll(SEED_ATTRIBUTES);
    } else if (identifier.startsWith("local://") && !written.containsKey("local.session")) {
      written.put("local.unique", marshaller.options.localUniqueId());
      additions.caps.add(Caps.SOURCE_LOCAL_UNIQUE);
    }
    Constraints all = marshaller.defaults.with(own).with(additions);
    boolean platformSpecific =
        identifier.startsWith("docker-image://") || identifier.startsWith("oci-layout://");
    Op.Builder op = all.newOp(marshaller.encoding(), platformSpecific);
    op.setSource(SourceOp.newBuilder().setIdentifier(identifier).putAllAttrs(written));
    return written(marshaller, op.build(), all);
  }
}
