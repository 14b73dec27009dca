package dev.buildd.frontend.dockerfile.source;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts, places and suggestions. */
class TextsTest {
  @Test
  void anyBytesComeBack() {
    Random random = new Random(1);
    for (int round = 0; round < 20_000; round++) {
      byte[] bytes = new byte[random.nextInt(12)];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] =
            (byte) (random.nextBoolean() ? 0x80 | random.nextInt(0x80) : random.nextInt(256));
      }
      String text = Texts.decode(bytes, 0, bytes.length);
      assertThat(Texts.encode(text)).isEqualTo(bytes);
      assertThat(Texts.withoutRaw(text))
          .isEqualTo(text.replaceAll("[\\x{DC80}-\\x{DCFF}]", "\uFFFD"));
    }
  }

  @Test
  void textIsText() {
    String text = "aé☃\uD83D\uDE00";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    assertThat(Texts.decode(bytes, 0, bytes.length)).isEqualTo(text);
    assertThat(Texts.encode(text)).isEqualTo(bytes);
    assertThat(Texts.withoutRaw(text)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "from, 'form,chown', form",
    "abc, 'abd,abe', abd",
    "abc, 'axx,abd', abd",
    "abc, 'abd,abc', ''",
    "abc, xyz, ''",
    "a, abc, abc",
    "a, abcd, ''"
  })
  void suggestsTheNearest(String word, String options, String expected) {
    assertThat(Suggestions.nearest(word, List.of(options.split(",", -1))).orElse(""))
        .isEqualTo(expected);
  }

  @Test
  void suggestionIsWrittenAsTheWordIs() {
    assertThat(Suggestions.hintOfAnyCase("cop", List.of("COPY")))
        .isEqualTo(" (did you mean copy?)");
    assertThat(Suggestions.hintOfAnyCase("COP", List.of("COPY")))
        .isEqualTo(" (did you mean COPY?)");
    assertThat(Suggestions.hintOfAnyCase("cOPY", List.of("COPY"))).isEmpty();
  }

  @Test
  void placesHaveASpanForEachLine() {
    assertThat(new Location(2, 4).spans()).hasSize(3);
    assertThat(Location.NONE.spans()).isEmpty();
    assertThat(Location.line(0).spans()).hasSize(1);
  }

  @Test
  void placesAreAddedAround() {
    DockerfileException fault =
        new DockerfileException("x", Location.line(1)).at(Location.line(2)).prefixed("y ");
    assertThat(fault.locations()).containsExactly(Location.line(1), Location.line(2));
    assertThat(fault).hasMessage("y x");
    assertThat(fault.onlyAt(Location.line(3)).locations()).containsExactly(Location.line(3));
  }
}
