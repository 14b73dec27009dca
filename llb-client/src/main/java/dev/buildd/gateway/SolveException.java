package dev.buildd.gateway;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import java.util.List;
import java.util.Map;
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
   * A step that failed, for whoever looks into it: the ids can be mounted in a container ({@link
   * ContainerRequest.Content.Files}) as long as the build lasts. An empty id stands for no files.
   *
   * @param op the step as it stands in its definition, encoded
   * @param description what the definition says of it
   * @param inputIds what it was given: by the mounts of a step that runs a process, else by inputs
   * @param mountIds what it has left, by its mounts or actions
   */
  public record FailedStep(
      byte[] op,
      Map<String, String> description,
      List<String> inputIds,
      List<String> mountIds,
      Subject subject) {
    public FailedStep {
      description = Map.copyOf(description);
      inputIds = List.copyOf(inputIds);
      mountIds = List.copyOf(mountIds);
    }
  }

  /** What of a step it was that failed. */
  public sealed interface Subject {
    /** All of it. */
    record Whole() implements Subject {}

    /** One of its actions on files. */
    record FileAction(int index) implements Subject {}

    /** Finding out what it uses of an input's files. */
    record InputContent(int index) implements Subject {}
  }

  /**
   * Where a build failed.
   *
   * @param vertex the digest of the step
   * @param exitCode with what the step's command exited
   * @param steps those of which more is known, the outermost first
   */
  public record Where(
      List<Place> places, Optional<String> vertex, OptionalInt exitCode, List<FailedStep> steps) {
    public static final Where UNKNOWN = new Where(List.of(), Optional.empty(), OptionalInt.empty());

    public Where {
      places = List.copyOf(places);
      steps = List.copyOf(steps);
    }

    public Where(List<Place> places, Optional<String> vertex, OptionalInt exitCode) {
      this(places, vertex, exitCode, List.of());
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

  /** The step that failed, if more is known of it; the innermost of several. */
  public Optional<FailedStep> failedStep() {
    return where.steps().isEmpty() ? Optional.empty() : Optional.of(where.steps().getLast());
  }

  /** With what the step's command exited. */
  public OptionalInt exitCode() {
    return where.exitCode();
  }
}
