package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.Location;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * An instruction as it is written: a joined line, split by what its keyword needs.
 *
 * @param keyword as it is written
 * @param flags without quotes, each with its dashes
 * @param arguments for keys and values: of each pair the key and the value
 * @param trigger the instruction that ONBUILD holds
 * @param text all of the joined line, with blanks at its end
 * @param comments those before it, without what marks them
 */
public record Line(
    String keyword,
    List<String> flags,
    Arguments arguments,
    Optional<Line> trigger,
    List<Heredoc> heredocs,
    String text,
    List<String> comments,
    Location location) {
  public Line {
    flags = List.copyOf(flags);
    heredocs = List.copyOf(heredocs);
    comments = List.copyOf(comments);
  }

  /** The keyword in lower case, as instructions are told apart. */
  public String name() {
    return nameOf(keyword);
  }

  static String nameOf(String keyword) {
    return keyword.toLowerCase(Locale.ROOT);
  }

  /**
   * What follows keyword and flags.
   *
   * @param json whether they are written as a JSON array
   * @param legacy whether a key and a value are written without an equals sign
   */
  public record Arguments(List<String> words, boolean json, boolean legacy) {
    public static final Arguments NONE = new Arguments(List.of(), false, false);

    public Arguments {
      words = Collections.unmodifiableList(words);
    }

    static Arguments of(List<String> words) {
      return new Arguments(words, false, false);
    }
  }
}
