package dev.buildd.solver.exporter;

import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlob;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import dev.buildd.solver.graph.VertexProgress;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A kind of export. Safe for use by many threads. */
public interface Exporter {
  /** The name by which requests ask for it. */
  String type();

  /**
   * Checks a request before anything is built.
   *
   * @param index its place among the build's exports
   * @throws dev.buildd.base.error.BuildException {@code INVALID_ARGUMENT} if attributes are wrong
   */
  Instance resolve(int index, Map<String, String> attributes);

  /** One export of one build. */
  interface Instance {
    /** What users see. */
    String name();

    /** Whether it reads the result's files, rather than the layers that they are made of. */
    default boolean usesFiles() {
      return false;
    }

    /** Exports and returns what the client is told of it. */
    Map<String, String> export(ExportSource source, Context context) throws Exception;
  }

  /**
   * What an export may use.
   *
   * @param compatibility the version whose results the build is to give
   */
  record Context(
      SessionManager sessions,
      String session,
      VertexProgress progress,
      InlineCache inlineCache,
      CompatibilityVersion compatibility) {}

  /** Tells what an image is to say of how it was made. */
  interface InlineCache {
    InlineCache NONE = (ref, layers) -> Optional.empty();

    /**
     * @param ref the image's files
     * @param layers the files' layers, lowest first; the image's are these or made of these
     */
    Optional<byte[]> of(ImmutableRef ref, List<LayerBlob> layers) throws Exception;
  }
}
