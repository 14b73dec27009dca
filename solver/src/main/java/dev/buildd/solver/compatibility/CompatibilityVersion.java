package dev.buildd.solver.compatibility;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.solver.graph.Memo;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Whose results a build is to give, of those BuildKits that give different ones (wire.md section
 * 2.1). They are named after the first of each kind.
 */
public enum CompatibilityVersion {
  V0_13(10),
  V0_15(20),
  V0_31(30);

  public static final CompatibilityVersion CURRENT = V0_31;

  private final int number;

  CompatibilityVersion(int number) {
    this.number = number;
  }

  /** As requests write it. */
  public int number() {
    return number;
  }

  /**
   * The version that a request asks for.
   *
   * @param number zero for the current one
   * @throws BuildException {@code INVALID_ARGUMENT} if there is none such
   */
  public static CompatibilityVersion of(long number) {
    if (number == 0) {
      return CURRENT;
    }
    for (CompatibilityVersion version : values()) {
      if (version.number == number) {
        return version;
      }
    }
    if (number > CURRENT.number) {
      throw BuildException.invalid(
          "unsupported compatibility-version "
              + number
              + ": upgrade buildkit (max supported: "
              + CURRENT.number
              + ")");
    }
    String supported =
        Arrays.stream(values())
            .map(version -> Integer.toString(version.number))
            .collect(Collectors.joining(" "));
    throw BuildException.invalid(
        "unsupported compatibility-version " + number + " (supported: [" + supported + "])");
  }

  /** As a job knows it. */
  private record Known(CompatibilityVersion version) implements AutoCloseable {
    @Override
    public void close() {}
  }

  /** Lets a job know that its build is one of this version. */
  public void keepIn(Memo memo) {
    memo.keep(CompatibilityVersion.class, new Known(this));
  }

  /**
   * The version of the builds that share a vertex.
   *
   * @throws BuildException {@code FAILED_PRECONDITION} if they want different ones
   */
  public static CompatibilityVersion of(List<Memo> memos) {
    Optional<CompatibilityVersion> found = Optional.empty();
    for (Memo memo : memos) {
      CompatibilityVersion version =
          memo.find(CompatibilityVersion.class, Known.class).map(Known::version).orElse(CURRENT);
      if (found.isPresent() && found.get() != version) {
        throw new BuildException(
            Category.FAILED_PRECONDITION,
            "conflicting compatibility versions in shared solve state: "
                + found.get().number
                + " != "
                + version.number);
      }
      found = Optional.of(version);
    }
    return found.orElse(CURRENT);
  }
}
