package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.lex.Line;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import java.util.List;
import java.util.Locale;

/** The rules that a line alone can break (dockerfile.md section 7.1). */
final class LineLints {
  private final Linter linter;

  LineLints(Linter linter) {
    this.linter = linter;
  }

  /** Before the line is read as a FROM, and though it may turn out to be malformed. */
  void checkFrom(Line line) {
    List<String> words = line.arguments().words();
    if (words.size() == 3 && !isLower(words.get(2))) {
      linter.report(Violations.stageNameCasing(words.get(2)), line.location());
    }
    String from = line.keyword();
    if (words.size() >= 3 && isOtherCase(from, words.get(1))) {
      linter.report(Violations.fromAsCasing(from, words.get(1)), line.location());
    }
  }

  /** A mixed case has no other: that is another rule's. */
  private static boolean isOtherCase(String from, String as) {
    return isLower(from) ? !isLower(as) : isUpper(from) && !isUpper(as);
  }

  void checkMaintainer(Line line) {
    linter.report(Violations.maintainerDeprecated(), line.location());
  }

  void checkDescription(Stage stage) {
    if (!stage.name().isEmpty()) {
      checkDescription("FROM", List.of(stage.name()), stage.origin());
    }
  }

  void checkDescription(Arg arg) {
    checkDescription("ARG", arg.variables().stream().map(Arg.Variable::key).toList(), arg.origin());
  }

  private void checkDescription(String keyword, List<String> names, Origin origin) {
    if (origin.comments().isEmpty()) {
      return;
    }
    String last = origin.comments().getLast();
    int blank = last.indexOf(' ');
    if (!names.contains(blank < 0 ? last : last.substring(0, blank))) {
      String name = names.size() > 1 ? "<arg_key>" : names.getFirst();
      linter.report(Violations.invalidDefinitionDescription(keyword, name), origin.location());
    }
  }

  static boolean isLower(String word) {
    return word.equals(word.toLowerCase(Locale.ROOT));
  }

  static boolean isUpper(String word) {
    return word.equals(word.toUpperCase(Locale.ROOT));
  }
}
