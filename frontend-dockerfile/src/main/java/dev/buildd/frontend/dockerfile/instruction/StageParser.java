package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.lex.Line;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Reads FROM (dockerfile.md section 3.2). */
final class StageParser {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_.-]*");

  private StageParser() {}

  /** The stage, with nothing in it yet. */
  static Stage parse(Line line) {
    List<String> words = line.arguments().words();
    String name = name(words);
    FlagReader flags = new FlagReader().texts("platform").read(line.flags());
    return new Stage(
        InstructionParser.originOf(line),
        name,
        words.getFirst(),
        flags.text("platform"),
        List.of());
  }

  private static String name(List<String> words) {
    if (words.size() == 1) {
      return "";
    }
    if (words.size() != 3 || !words.get(1).equalsIgnoreCase("as")) {
      throw new DockerfileException("FROM requires either one or three arguments");
    }
    String name = words.get(2).toLowerCase(Locale.ROOT);
    if (!NAME.matcher(name).matches()) {
      throw new DockerfileException(
          "invalid name for build stage: "
              + GoQuote.of(words.get(2))
              + ", name can't start with a number or contain symbols");
    }
    return name;
  }
}
