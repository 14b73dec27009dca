package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.error.BuildException;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;
import java.util.function.Supplier;

/** Says of a failure what was being done. */
final class Wrapped {
  private Wrapped() {}

  static <T> T in(String doing, Supplier<T> work) {
    try {
      return work.get();
    } catch (BuildException e) {
      throw new DockerfileException(doing + ": " + e.getMessage(), List.of(), e);
    }
  }
}
