package dev.buildd.frontend.dockerfile.lint;

import dev.buildd.base.text.GoBool;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which rules count, and how much (dockerfile.md section 7.3). Names that are no rule's are
 * ignored.
 *
 * @param experimental names of those that count only if they are asked for
 * @param isError whether a violation fails the build
 */
public record LintOptions(Chosen skipped, Chosen experimental, boolean isError) {
  private static final int MAX_PARTS = 3;

  /** Names of rules, or all. */
  public record Chosen(boolean all, Set<String> names) {
    public static final Chosen NONE = new Chosen(false, Set.of());

    public Chosen {
      names = Set.copyOf(names);
    }

    private static Chosen parse(String text) {
      if (text.equals("all")) {
        return new Chosen(true, Set.of());
      }
      return new Chosen(
          false, Stream.of(text.split(",", -1)).map(Texts::trim).collect(Collectors.toSet()));
    }

    private boolean has(Rule rule) {
      return all || names.contains(rule.ruleName());
    }

    private Chosen and(Chosen more) {
      Set<String> both = new HashSet<>(names);
      both.addAll(more.names);
      return new Chosen(all || more.all, both);
    }
  }

  public static final LintOptions DEFAULT = new LintOptions(Chosen.NONE, Chosen.NONE, false);

  /**
   * Reads {@code skip=all} or names, {@code experimental=} the same, {@code error=true}, separated
   * by semicolons.
   *
   * @throws DockerfileException without a place if the text is anything else
   */
  public static LintOptions parse(String text) {
    LintOptions options = DEFAULT;
    if (Texts.trim(text).isEmpty()) {
      return options;
    }
    for (String part : List.of(Texts.trim(text).split(";", MAX_PARTS))) {
      options = options.with(part);
    }
    return options;
  }

  private LintOptions with(String part) {
    int equals = part.indexOf('=');
    if (equals < 0) {
      throw new DockerfileException("invalid check option " + GoQuote.of(part));
    }
    String key = Texts.trim(part.substring(0, equals));
    String value = Texts.trim(part.substring(equals + 1));
    return switch (key) {
      case "skip" -> new LintOptions(latest(skipped, value), experimental, isError);
      case "experimental" -> new LintOptions(skipped, latest(experimental, value), isError);
      case "error" ->
          new LintOptions(
              skipped,
              experimental,
              GoBool.parse(value)
                  .orElseThrow(() ->
                      new DockerfileException(
                          "failed to parse check option "
                              + GoQuote.of(part)
                              + ": strconv.ParseBool: parsing "
                              + GoQuote.of(value)
                              + ": invalid syntax")));
      default -> throw new DockerfileException("invalid check option " + GoQuote.of(key));
    };
  }

  /** Names given again replace those given before; "all" stays. */
  private static Chosen latest(Chosen before, String value) {
    Chosen chosen = Chosen.parse(value);
    return chosen.all()
        ? new Chosen(true, before.names())
        : new Chosen(before.all(), chosen.names());
  }

  boolean counts(Rule rule) {
    return rule.isExperimental() ? experimental.has(rule) : !skipped.has(rule);
  }

  /** These, and what others skip and ask for; not whether a violation fails the build. */
  LintOptions and(LintOptions more) {
    return new LintOptions(skipped.and(more.skipped), experimental.and(more.experimental), isError);
  }
}
