package dev.buildd.frontend.dockerfile.expand;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Quotes, escapes and variables (dockerfile.md section 2.1). */
class WordLexerTest {
  private static final Environment SET =
      Environment.of(
          new LinkedHashMap<>(
              Map.of(
                  "S",
                  "foo.tar.gz",
                  "E",
                  "",
                  "P",
                  "/usr/lib/lib",
                  "W",
                  "a*b",
                  "two",
                  "x y",
                  "h",
                  "#b",
                  "L",
                  "a\nb",
                  "D",
                  "$&")));

  private static String expand(String text) {
    return WordLexer.of('\\').expand(text, SET).text();
  }

  private static void fails(String text, String reason) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> expand(text))
        .withMessageEndingWith("\": " + reason)
        .withMessageStartingWith("failed to process \"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "'a $S \\'|a $S \\",
        "\"a $S \\$S \\x \\\" \\\\\"|a foo.tar.gz $S \\x \" \\",
        "\\$S\\a|$Sa",
        "a\\|a",
        "\"a\\|!",
        "$S$|foo.tar.gz$",
        "$12x|x",
        "$@$*$#$?$-$$$!|",
        "$S_|",
        "${S}_|foo.tar.gz_",
        "$é|",
        "${E:-x}|x",
        "${E-x}|",
        "${U-x}|x",
        "${S:+x}|x",
        "${E:+x}|",
        "${E+x}|x",
        "${U+x}|",
        "${S?x}|foo.tar.gz",
        "${U:-${S:-n}}|foo.tar.gz",
        "${U:-\"q $S\"'$S'}|q foo.tar.gz$S",
        "${U:-a\\}b}|a}b",
        "${S%.*}|foo.tar",
        "${S%%.*}|foo",
        "${P#*/}|usr/lib/lib",
        "${P##*/}|lib",
        "${W#a\\*}|b",
        "${W%\\*b}|a",
        "${S#x}|foo.tar.gz",
        "${h#$h}|#b",
        "${S#}|foo.tar.gz",
        "${P/lib/LIB}|/usr/LIB/lib",
        "${P//lib/LIB}|/usr/LIB/LIB",
        "${P/\\/usr/}|/lib/lib",
        "${P//l?b/<>}|/usr/<>/<>",
        "${S/o*/_}|f_",
        "${P//\\/lib/\\}}|/usr\\}\\}",
        "${S/[f]/x}|foo.tar.gz",
        "${U/a/b}|",
        "${S//./'$$'}|foo$tar$gz",
        "${S//./'$0$0'}|foo..tar..gz",
        "${S//./'<$1${x}$'}|foo<$tar<$gz",
        "${S/./'$1'}|foo$1tar.gz",
        "${S//x*/_}|foo.tar.gz",
        "${W//*/_}|_",
        "${E/*/_}|_",
        "a<b|a<b",
      })
  void comesTo(String text, String expected) {
    if ("!".equals(expected)) {
      fails(text, "unexpected end of statement while looking for matching double-quote");
    } else {
      assertThat(expand(text)).isEqualTo(expected == null ? "" : expected);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "'a|unexpected end of statement while looking for matching single-quote",
        "\"a|unexpected end of statement while looking for matching double-quote",
        "${}|syntax error: bad substitution",
        "${:x}|syntax error: bad substitution",
        "${{x}|syntax error: bad substitution",
        "${|syntax error: missing '}'",
        "${a:-b|syntax error: missing '}'",
        "${a:-'b}|syntax error: missing '}'",
        "${a:-${b}|syntax error: missing '}'",
        "${a|unsupported modifier (\uFFFD) in substitution",
        "${a:|syntax error: missing '}'",
        "${a^^}|unsupported modifier (^) in substitution",
        "${a:=b}|unsupported modifier (:=) in substitution",
        "${a:#b}|unsupported modifier (:#) in substitution",
        "${a:%b}|unsupported modifier (:%) in substitution",
        "${a:=${b:?c}}|b: c",
        "${a/b}|syntax error: missing '/' in ${}",
        "${a/b/c|syntax error: missing '}'",
        "${U:?}|U: is not allowed to be unset",
        "${U?no $S}|U: no foo.tar.gz",
        "${E:?}|E: is not allowed to be empty",
        "${E:?\"\"}|E: is not allowed to be empty",
        "${S#\\x}|invalid pattern (\\x) in substitution: invalid escape '\\x'",
        "${S%a\\xb}|invalid pattern (b\\xa) in substitution: invalid escape '\\x'",
      })
  void isRefused(String text, String reason) {
    fails(text, reason);
  }

  @Test
  void faultShowsTheText() {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> expand("\"${A:-x"))
        .withMessage("failed to process \"\\\"${A:-x\": syntax error: missing '}'");
  }

  @Test
  void patternsEndAtLineEnds() {
    assertThat(expand("${L#*}")).isEqualTo("a\nb");
    assertThat(expand("${L##*}")).isEqualTo("\nb");
    assertThat(expand("${L%%*}")).isEqualTo("a\n");
    assertThat(expand("${L//?/x}")).isEqualTo("x\nx");
  }

  @Test
  void unsetStaysIfAsked() {
    WordLexer names = WordLexer.of('\\').with(WordLexer.Style.STEP_NAME);
    assertThat(names.expand("\"$U\" ${U} ${U:-$S} ${U//a/'b'} ${U:=x} $S \\a '$S'", SET).text())
        .isEqualTo("\"$U\" ${U} ${U:-foo.tar.gz} ${U/a/'b'} ${U:=x} foo.tar.gz a '$S'");
  }

  @Test
  void escapeIsWhatTheFileSays() {
    assertThat(WordLexer.of('`').expand("`$S \\$S \"`\"\"", SET).text())
        .isEqualTo("$S \\foo.tar.gz \"");
  }

  @Test
  void documentsHaveNoQuotes() {
    assertThat(
            WordLexer.ofDocuments().expand("\"$S\" '$S' \\$S \\\\ \\\nx ${U:-\"y\"}", SET).text())
        .isEqualTo("\"foo.tar.gz\" 'foo.tar.gz' $S \\ \nx \"y\"");
  }

  private static List<String> words(String text) {
    return WordLexer.of('\\').expand(text, SET).words();
  }

  @Test
  void valuesSplitAndQuotesDoNot() {
    assertThat(words("a $two\"b c\" '' \\  $E d<< e"))
        .containsExactly("a", "x", "yb c", " ", "d<< e");
  }

  @Test
  void beginningOfAWordIsLostBeforeASubstitutionWithAWord() {
    assertThat(words("80${U:-81}")).containsExactly("81");
    assertThat(expand("80${U:-81}")).isEqualTo("8081");
  }

  @Test
  void lookupsAreRemembered() {
    Expansion expansion = WordLexer.of('\\').expand("$S ${U:-$V} '$X' $E", SET);
    assertThat(expansion.used()).containsExactly("S", "E");
    assertThat(expansion.unset()).containsExactly("V", "U");
  }

  @Test
  void unsetIsToldEvenIfTheTextIsWrong() {
    List<String> unset = new ArrayList<>();
    Words words = new Words('\\', SET, unset::add);
    assertThatExceptionOfType(DockerfileException.class).isThrownBy(() -> words.word("$U ${V:?}"));
    assertThat(unset).containsExactly("U", "V");
    assertThat(words.words("$Y")).isEmpty();
    assertThat(unset).containsExactly("U", "V");
  }

  @Test
  void bytesThatAreNoTextBecomeAMark() {
    assertThat(expand("a\uDCFFb")).isEqualTo("a\uFFFDb");
    assertThat(expand("\uFEFFa\uFEFF")).isEqualTo("a\uFEFF");
    assertThat(expand("\uD83D\uDE00")).isEqualTo("\uD83D\uDE00");
  }

  @Test
  void deepSubstitutionsDoNotEndTheStack() {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> expand("${U:-".repeat(100_000)))
        .withMessageEndingWith("nested too deeply");
    assertThat(expand("${U:-".repeat(200) + "x" + "}".repeat(200))).isEqualTo("x");
  }

  @Test
  void patternsTakeLinearTime() {
    String value = "a".repeat(30_000);
    Environment environment = Environment.of(Map.of("V", value));
    long start = System.nanoTime();
    assertThat(WordLexer.of('\\').expand("${V//*a*a*a*b/x}${V%%*b*a*}", environment).text())
        .isEqualTo(value + value);
    assertThat(System.nanoTime() - start).isLessThan(5_000_000_000L);
  }

  /** Some lines that double a value would fill any memory. */
  @Test
  void valuesMakeATextLongerByAMebibyteAtMost() {
    Environment environment = Environment.of(Map.of("V", "x".repeat(1 << 16)));
    assertThat(WordLexer.of('\\').expand("$V".repeat(16), environment).text()).hasSize(1 << 20);
    assertThatThrownBy(() -> WordLexer.of('\\').expand("$V".repeat(17), environment))
        .isInstanceOf(DockerfileException.class)
        .hasMessageContaining("values of variables make it longer by more than 1 MiB");
    assertThatThrownBy(
            () -> WordLexer.of('\\').expand("${V//x/" + "y".repeat(17) + "}", environment))
        .hasMessageContaining("values of variables make it longer by more than 1 MiB");
  }
}
