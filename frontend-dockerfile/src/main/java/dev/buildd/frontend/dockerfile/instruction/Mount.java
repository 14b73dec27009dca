package dev.buildd.frontend.dockerfile.instruction;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * A mount of a RUN (dockerfile.md section 3.4). Texts are empty where nothing is said.
 *
 * @param from the stage or image that it shows
 * @param source the path in that; of a secret its id
 * @param size most bytes of a tmpfs; 0 if nothing is said
 * @param id of a cache, a secret or a socket
 * @param sharing how builds share a cache: empty, {@code shared}, {@code private}, {@code locked}
 * @param required whether the build fails without the secret or socket
 * @param env the variable that the secret is put into
 */
public record Mount(
    Type type,
    String from,
    String source,
    String target,
    boolean readOnly,
    long size,
    String id,
    String sharing,
    boolean required,
    Optional<String> env,
    OptionalLong mode,
    OptionalLong uid,
    OptionalLong gid) {
  /** What a mount shows. */
  public enum Type {
    BIND("bind"),
    CACHE("cache"),
    TMPFS("tmpfs"),
    SECRET("secret"),
    SSH("ssh");

    private final String word;

    Type(String word) {
      this.word = word;
    }

    /** As it is written. */
    public String word() {
      return word;
    }
  }
}
