package dev.buildd.frontend.dockerfile.lint;

import dev.buildd.frontend.dockerfile.lex.Directives;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Passes violations of the rules that count to a sink, and remembers which rules were broken.
 * Threads may share it if the sink lets them.
 */
public final class Linter {
  private final LintOptions options;
  private final LintSink sink;
  private final Set<String> broken;

  public Linter(LintOptions options, LintSink sink) {
    this(options, sink, Collections.synchronizedSet(new LinkedHashSet<>()));
  }

  private Linter(LintOptions options, LintSink sink, Set<String> broken) {
    this.options = options;
    this.sink = sink;
    this.broken = broken;
  }

  /** One to which no rule counts: triggers are parsed with it. */
  public static Linter silent() {
    LintOptions.Chosen all = new LintOptions.Chosen(true, Set.of());
    return new Linter(new LintOptions(all, LintOptions.Chosen.NONE, false), LintSink.NONE);
  }

  public void report(Violation violation, Location location) {
    if (options.counts(violation.rule())) {
      broken.add(violation.rule().ruleName());
      sink.warn(new LintWarning(violation.rule(), violation.message(), location));
    }
  }

  /**
   * This one for an instruction: the first of its comments that is {@code check=...} tells of more
   * rules to skip or to ask for. One that cannot be read tells nothing.
   */
  public Linter with(Collection<String> comments) {
    for (String comment : comments) {
      Optional<String> check = Directives.checkOfComment(comment);
      if (check.isPresent()) {
        return with(check.get());
      }
    }
    return this;
  }

  private Linter with(String check) {
    try {
      return new Linter(options.and(LintOptions.parse(check)), sink, broken);
    } catch (DockerfileException e) {
      return this; // the comment may not have been meant for us
    }
  }

  /** The names of the rules broken so far. */
  public List<String> broken() {
    synchronized (broken) {
      return List.copyOf(broken);
    }
  }

  /**
   * @throws DockerfileException without a place if violations are to fail the build and there were
   *     some
   */
  public void failIfAsked() {
    List<String> rules = broken();
    if (options.isError() && !rules.isEmpty()) {
      throw new DockerfileException(
          "lint violation found for rules: " + String.join(", ", rules.stream().sorted().toList()));
    }
  }
}
