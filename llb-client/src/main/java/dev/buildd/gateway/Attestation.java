package dev.buildd.gateway;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a frontend vouches for (wire.md section 13).
 *
 * @param metadata said of the attestation itself, such as why it is there
 * @param reference the filesystem in which the file is; empty for the empty one
 * @param path of the statement, or of a directory of statements
 */
public record Attestation(
    Kind kind,
    Map<String, byte[]> metadata,
    Optional<Reference> reference,
    String path,
    String predicateType,
    List<Subject> subjects) {
  public Attestation {
    metadata = Map.copyOf(metadata);
    subjects = List.copyOf(subjects);
  }

  /** What is at the path: a statement's predicate, or a directory of statements. */
  public enum Kind {
    IN_TOTO,
    BUNDLE
  }

  /**
   * What the attestation is about.
   *
   * @param self whether it is the result itself, and not what digests name
   */
  public record Subject(boolean self, String name, List<String> digests) {
    public Subject {
      digests = List.copyOf(digests);
    }
  }
}
