package dev.buildd.examples.soak;

import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Definition;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A build, and how its result is told to be right.
 *
 * @param kind as the report names it
 * @param definition empty if a frontend makes it
 * @param options without exports
 * @param export what is asked of the exporter
 * @param prepare puts the client's directories into the state that the build wants
 * @param expected the result's files and what is in them; of an archive those that it has to have
 * @param failure words of the failure that the build is to end with; empty if it is to succeed
 */
record Job(
    String kind,
    Optional<Definition> definition,
    SolveOptions options,
    Export export,
    Preparation prepare,
    Map<String, byte[]> expected,
    Optional<String> failure) {
  Job {
    expected = Map.copyOf(expected);
  }

  /** What becomes of the result. */
  enum Export {
    NONE,
    LOCAL,
    OCI
  }

  /** Writes what will be sent. */
  @FunctionalInterface
  interface Preparation {
    void run() throws IOException;
  }

  /** Whether what was exported is what it should be; else what is wrong with it. */
  Optional<String> wrong(Path exported) throws IOException {
    return switch (export) {
      case NONE -> Optional.empty();
      case LOCAL -> Results.wrongDirectory(exported, expected);
      case OCI -> Results.wrongArchive(exported, expected);
    };
  }
}
