package dev.buildd.base.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.base.error.BuildException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lists in one line. */
class CsvTest {
  @Test
  void commasSeparate() {
    assertThat(Csv.fields("a,b=c,,d,")).containsExactly("a", "b=c", "", "d", "");
    assertThat(Csv.fields("")).containsExactly("");
  }

  @Test
  void attributesHaveNamesInLowerCase() {
    assertThat(Csv.attributes("Type=local,dest=out=1"))
        .containsExactly(Map.entry("type", "local"), Map.entry("dest", "out=1"));
    assertThatExceptionOfType(BuildException.class)
        .isThrownBy(() -> Csv.attributes("nothing"))
        .withMessage("invalid value nothing");
  }

  @Test
  void quotesHoldCommasAndQuotes() {
    assertThat(Csv.fields("\"a,b\",\"c\"\"d\",\"\"")).containsExactly("a,b", "c\"d", "");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "a\"b|2: bare \" in non-quoted field",
        "a,éb\"|6: bare \" in non-quoted field",
        "\"a|2: extraneous or missing \" in quoted-field",
        "\"a\"b|3: extraneous or missing \" in quoted-field",
        "\"a\"\"|5: extraneous or missing \" in quoted-field",
      })
  void quotesElsewhereAreRefused(String line, String reason) {
    assertThatExceptionOfType(BuildException.class)
        .isThrownBy(() -> Csv.fields(line))
        .withMessage("parse error on line 1, column " + reason);
  }
}
