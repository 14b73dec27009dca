package dev.buildd.llb;

import dev.buildd.base.text.Ids;
import java.util.Optional;
import java.util.Set;

/**
 * How a graph is written down.
 *
 * @param defaults hold for every step that does not say otherwise
 * @param daemonCaps what the daemon can do, if that is known
 * @param localUniqueId tells this client's directories from others' of the same name
 */
public record MarshalOptions(
    Encoding encoding,
    Constraints defaults,
    Optional<Set<String>> daemonCaps,
    String localUniqueId) {

  /** As for today's daemons. */
  public static MarshalOptions defaults(ConstraintsOption... options) {
    return new MarshalOptions(
        Encoding.TODAY, Constraints.of(options), Optional.empty(), Ids.random());
  }

  /** As for a daemon that can do this. */
  public static MarshalOptions forDaemon(Set<String> caps, ConstraintsOption... options) {
    return defaults(options).withDaemonCaps(caps);
  }

  public MarshalOptions withEncoding(Encoding other) {
    return new MarshalOptions(other, defaults, daemonCaps, localUniqueId);
  }

  public MarshalOptions withLocalUniqueId(String other) {
    return new MarshalOptions(encoding, defaults, daemonCaps, other);
  }

  public MarshalOptions withDaemonCaps(Set<String> caps) {
    return new MarshalOptions(encoding, defaults, Optional.of(Set.copyOf(caps)), localUniqueId);
  }
}
