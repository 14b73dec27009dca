package dev.buildd.gateway;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A build failed; with what is known of where and why. Daemons tell it of their steps, and a
 * frontend may tell it of the text that it could not make steps of.
 */
public final class SolveException extends BuildException {
  private static final long serialVersionUID = 1L;

  /** A place in a text that steps are made from. */
  public record Place(SourceInfo source, List<SourceMap.Span> spans) {
    public Place {
      spans = List.copyOf(spans);
    }
  }

  /**
   * Where a build failed.
   *
   * @param vertex the digest of the step
   * @param exitCode with what the step's command exited
   */
  public record Where(List<Place> places, Optional<String> vertex, OptionalInt exitCode) {
    public static final Where UNKNOWN = new Where(List.of(), Optional.empty(), OptionalInt.empty());

    public Where {
      places = List.copyOf(places);
    }

    public static Where at(Place... places) {
      return new Where(List.of(places), Optional.empty(), OptionalInt.empty());
    }
  }

  private final transient Where where;

  public SolveException(Category category, String message, Where where, @Nullable Throwable cause) {
    super(category, message, cause);
    this.where = where;
  }

  public Where where() {
    return where;
  }

  public List<Place> places() {
    return where.places();
  }

  /** The digest of the step that failed. */
  public Optional<String> vertex() {
    return where.vertex();
  }

  /** With what the step's command exited. */
  public OptionalInt exitCode() {
    return where.exitCode();
  }
}
