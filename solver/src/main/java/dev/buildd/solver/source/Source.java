package dev.buildd.solver.source;

import dev.buildd.base.content.Platform;
import dev.buildd.cache.ImmutableRef;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A kind of source. Safe for use by many threads. */
public interface Source {
  /** The identifiers' schemes, without {@code ://}. */
  Set<String> schemes();

  /**
   * Checks what is asked for and promises to bring it; nothing is fetched yet.
   *
   * @param identifier with its scheme
   * @param attributes as in the source op; unknown ones are ignored
   * @throws dev.buildd.base.error.BuildException {@code INVALID_ARGUMENT} if it is malformed
   */
  Instance open(String identifier, Map<String, String> attributes, Platform platform);

  /** One thing that a source brings. */
  interface Instance {
    /** What it is at this moment. Asked for with index 0 first, until a key is the last. */
    SourceKey key(SourceContext context, int index) throws Exception;

    /**
     * Brings it; asked only after the key with index 0. The ref is the caller's to close; there is
     * none for what holds no files at all.
     */
    Optional<ImmutableRef> fetch(SourceContext context) throws Exception;
  }
}
