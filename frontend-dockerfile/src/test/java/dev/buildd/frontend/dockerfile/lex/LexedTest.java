package dev.buildd.frontend.dockerfile.lex;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lines become instructions as dockerfile.md section 1 says. */
class LexedTest {
  private static Lexed lex(String text) {
    return Lexed.of(text.getBytes(StandardCharsets.UTF_8));
  }

  private static Line line(String text) {
    List<Line> lines = lex(text).lines();
    assertThat(lines).hasSize(1);
    return lines.getFirst();
  }

  private static List<String> words(String text) {
    return line(text).arguments().words();
  }

  private static void refuses(String text, String message, Location location) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> lex(text))
        .withMessage(message)
        .satisfies(e -> assertThat(e.locations()).containsExactly(location));
  }

  @Test
  void marksAndLineEndsGo() {
    Line line = line("\uFEFFRUN a\r\r\n");
    assertThat(line.text()).isEqualTo("RUN a");
    assertThat(line.location()).isEqualTo(Location.line(1));
  }

  @Test
  void onlyTheFirstLineMayHaveAMark() {
    assertThat(lex("FROM a\n\uFEFFRUN b\n").lines().getLast().keyword()).isEqualTo("\uFEFFRUN");
  }

  @Test
  void lineOfMaximalLengthIsRead() {
    assertThat(words("RUN " + "x".repeat(65531)).getFirst()).hasSize(65531);
    assertThat(words("RUN " + "x".repeat(65531) + "\n").getFirst()).hasSize(65531);
  }

  @Test
  void longerLineIsRefusedAtTheLinesRead() {
    refuses(
        "FROM a\nRUN " + "x".repeat(65532) + "\n",
        "dockerfile line greater than max allowed size of 65535",
        Location.line(1));
  }

  @Test
  void documentThatALongLineEndsIsUnterminated() {
    refuses("RUN <<E\n" + "x".repeat(65536) + "\nE\n", "unterminated heredoc", Location.line(1));
  }

  @Test
  void carriageReturnCountsForTheLength() {
    refuses(
        "FROM a\nRUN " + "x".repeat(65531) + "\r\n",
        "dockerfile line greater than max allowed size of 65535",
        Location.line(1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "# a", "\n  # a\n\n"})
  void fileWithoutInstructionsIsRefused(String text) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> lex(text))
        .withMessage("file with no instructions");
  }

  @Test
  void commentEndsNoInstruction() {
    Line line = line("RUN a \\\n  # b \\\n  && c # d\n");
    assertThat(words("RUN a \\\n  # b \\\n  && c # d\n")).containsExactly("a   && c # d");
    assertThat(line.location()).isEqualTo(new Location(1, 3));
  }

  @Test
  void emptyLineInAnInstructionIsNoted() {
    Lexed lexed = lex("RUN a \\\n\n \t\n  b \\\n\nRUN c\n");
    assertThat(lexed.lines()).hasSize(1);
    assertThat(lexed.emptyContinuations()).containsExactly(Location.line(6));
  }

  @Test
  void escapeCharactersContinueOnlyAlone() {
    assertThat(words("RUN a\\ \t\n b")).containsExactly("a b");
    assertThat(lex("RUN a\\\\\nRUN b").lines()).hasSize(2);
    assertThat(lex("RUN a\\\\\\\nRUN b").lines()).hasSize(2);
  }

  @Test
  void lineOfAnEscapeAloneStartsAnInstruction() {
    Line line = line("\\\nRUN a\n");
    assertThat(line.keyword()).isEqualTo("RUN");
    assertThat(line.location()).isEqualTo(new Location(1, 2));
  }

  @Test
  void instructionMayEndWithTheFile() {
    assertThat(words("RUN a \\\n")).containsExactly("a");
  }

  @Test
  void leadingBlanksGoFromFirstLinesOnly() {
    assertThat(words("\u00A0 RUN a\\\n\tb")).containsExactly("a\tb");
  }

  @Test
  void directiveChangesTheEscape() {
    Lexed lexed = lex("# escape = `\nRUN a `\n b\nRUN c \\\nRUN d");
    assertThat(lexed.escape()).isEqualTo('`');
    assertThat(lexed.lines()).hasSize(3);
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "# a\n", "#\n", "# other=1\n", "FROM x\n", "#!/bin/x\n"})
  void anyOtherLineEndsDirectives(String first) {
    assertThat(lex(first + "# escape=`\nFROM a").escape()).isEqualTo('\\');
  }

  @Test
  void faultyDirectivesAreAtTheLineBefore() {
    refuses("# escape=x\nRUN", "invalid escape token 'x' does not match ` or \\", Location.line(0));
    refuses(
        "# check=a\n#Check=b\nRUN",
        "only one check parser directive can be used",
        Location.line(1));
  }

  @Test
  void directivesAreNoComments() {
    assertThat(line("# escape=`\n# a\nRUN b").comments()).containsExactly("a");
  }

  @Test
  void commentsBelongToTheNextInstruction() {
    List<Line> lines = lex("# a\n\n  # b\nRUN x\n# c\n#\n# d\nRUN y\nRUN z").lines();
    assertThat(lines.get(0).comments()).containsExactly("a", "# b");
    assertThat(lines.get(1).comments()).containsExactly("d");
    assertThat(lines.get(2).comments()).isEmpty();
  }

  @Test
  void flagsLoseQuotes() {
    Line line = line("COPY --a=\"b c\"'d' --e=f\\ g\t--h -- --i j");
    assertThat(line.flags()).containsExactly("--a=b cd", "--e=f g", "--h");
    assertThat(line.arguments().words()).containsExactly("--i", "j");
  }

  @Test
  void dashesAloneEndFlags() {
    assertThat(line("RUN --").flags()).isEmpty();
    assertThat(line("RUN --").arguments().words()).isEmpty();
    assertThat(line("RUN -- a").arguments().words()).containsExactly("a");
  }

  @Test
  void flagsAreReadByteByByte() {
    Line line = line("COPY --a=é --b=à c d");
    assertThat(line.flags()).containsExactly("--a=Ã©", "--b=Ã");
    assertThat(line.arguments().words()).containsExactly("c", "d");
  }

  @Test
  void argumentsKeepWhatFlagsWouldLose() {
    assertThat(words("RUN echo \"a  b\" --c\\ d")).containsExactly("echo \"a  b\" --c\\ d");
    assertThat(words("COPY \"a b\" c")).containsExactly("\"a", "b\"", "c");
  }

  @Test
  void pairsAreSplitAtBlanksOutsideQuotes() {
    assertThat(words("ENV a='b c' d=\"e \\\" f\" g=h\\ i j="))
        .containsExactly("a", "'b c'", "d", "\"e \\\" f\"", "g", "h\\ i", "j", "");
    assertThat(words("ENV a=b\\")).containsExactly("a", "b");
  }

  @Test
  void legacyPairKeepsItsRest() {
    Line.Arguments arguments = line("ENV a  \"b\"  c=d ").arguments();
    assertThat(arguments.words()).containsExactly("a", "\"b\"  c=d");
    assertThat(arguments.legacy()).isTrue();
  }

  @Test
  void pairsNeedTwoParts() {
    refuses("FROM a\nENV b", "ENV must have two arguments", Location.line(2));
    refuses("LABEL b", "LABEL must have two arguments", Location.line(1));
    refuses(
        "ENV a=b \"c\" \\\n d=e",
        "Syntax error - can't find = in \"\\\"c\\\"\". Must be of the form: name=value",
        new Location(1, 2));
  }

  @Test
  void argumentsAreSplitBeforeExpansion() {
    assertThat(words("ARG A=${B:-x y} C='d e' ''"))
        .containsExactly("A=${B:-x", "y}", "C='d e'", "''");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "['a']",
        "[\"a\"] x",
        "[]text",
        "[\"a\",]",
        "[a]",
        "[\"a\"",
        "[\"\\x\"]",
        "[\"\t\"]",
        "[01]",
        "[1e]",
        "[{\"a\"}]",
        "[nul]",
        "[\"\\u00g0\"]",
        "[-]",
        "[[1]"
      })
  void brokenJsonIsText(String text) {
    assertThat(line("RUN " + text).arguments())
        .isEqualTo(new Line.Arguments(List.of(text), false, false));
  }

  @Test
  void jsonOfStringsIsSplit() {
    assertThat(line("RUN [ \"a b\" ,\"\\u00e9\\n\\\"\" ] ").arguments())
        .isEqualTo(new Line.Arguments(List.of("a b", "é\n\""), true, false));
    assertThat(line("CMD []").arguments()).isEqualTo(new Line.Arguments(List.of(), true, false));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[1]",
        "[\"a\", null]",
        "[true,false]",
        "[[]]",
        "[{}]",
        "[-0.5e+3]",
        "[[\"a\",{\"b\":[1]}]]"
      })
  void jsonOfOtherValuesIsRefused(String text) {
    refuses(
        "RUN " + text,
        "when using JSON array syntax, arrays must be comprised of strings only",
        Location.line(1));
  }

  @Test
  void deepJsonDoesNotEndTheStack() {
    refuses(
        "RUN [" + "[".repeat(9_000) + "]".repeat(9_000) + "]",
        "when using JSON array syntax, arrays must be comprised of strings only",
        Location.line(1));
    assertThat(line("RUN " + "[".repeat(20_000)).arguments().json()).isFalse();
  }

  @Test
  void deepTriggersDoNotEndTheStack() {
    assertThat(line("ONBUILD ".repeat(8_000)).keyword()).isEqualTo("ONBUILD");
  }

  @Test
  void healthCheckHasATypeAndACommand() {
    assertThat(line("HEALTHCHECK --interval=1s CMD  a  b").arguments().words())
        .containsExactly("CMD", "a  b");
    assertThat(line("HEALTHCHECK CMD [\"a\"]").arguments())
        .isEqualTo(new Line.Arguments(List.of("CMD", "a"), true, false));
  }

  @Test
  void documentsFollowTheirLine() {
    Line line = line("COPY <<a <<-'b' /\n$x \\\n# y\na\n\tz\n\t\tb\n");
    assertThat(line.heredocs())
        .containsExactly(
            new Heredoc("a", true, false, "$x \\\n# y\n"), new Heredoc("b", false, true, "\tz\n"));
    assertThat(line.location()).isEqualTo(new Location(1, 6));
    assertThat(line.text()).isEqualTo("COPY <<a <<-'b' /");
  }

  @Test
  void documentKeepsItsLineEnds() {
    assertThat(line("RUN 3<< \"E\"F\r\na\r\nEF\r\n").heredocs())
        .containsExactly(new Heredoc("EF", false, false, "a\r\n"));
  }

  @Test
  void documentMayStandInATrigger() {
    assertThat(line("ONBUILD RUN <<E\na\nE").heredocs()).hasSize(1);
  }

  @Test
  void bytesThatAreNoTextSurviveInDocuments() {
    byte[] text = "COPY <<'E' /\nx\u00FF\nE\n".getBytes(StandardCharsets.ISO_8859_1);
    String content = Lexed.of(text).lines().getFirst().heredocs().getFirst().content();
    assertThat(Texts.encode(content)).containsExactly((byte) 'x', (byte) 0xFF, (byte) '\n');
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "RUN cat <<<x",
        "RUN cat \"<<x\"",
        "RUN cat \\<\\<x",
        "RUN echo $((1<<2))",
        "RUN [\"a\", \"<<x\"]",
        "RUN echo '<<x",
        "RUN cat <<",
        "RUN cat <<${A:-x}",
        "CMD cat <<x",
        "ONBUILD CMD <<x"
      })
  void othersAreNoDocuments(String text) {
    assertThat(line(text).heredocs()).isEmpty();
  }

  @Test
  void shiftWithBlanksIsADocument() {
    refuses("FROM a\nRUN echo $((1 << 2))\nRUN b", "unterminated heredoc", new Location(2, 3));
  }

  @Test
  void whatInstructionsNeedIsNotALexersConcern() {
    assertThat(lex("NOTHING\nFROM a b\nENV").lines()).hasSize(3);
  }

  @Test
  void unknownKeywordsHaveNoArguments() {
    assertThat(line("NOTHING a b").arguments()).isEqualTo(Line.Arguments.NONE);
  }
}
