package dev.buildd.frontend.dockerfile.subrequest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.llb.SourceInfo;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SourceExcerptTest {
  private static final String RULE = "-".repeat(20) + "\n";

  private static String of(String text, int first, int last) {
    return SourceExcerpt.of(
        new SourceInfo("D", "", text.getBytes(UTF_8), Optional.empty()), new Location(first, last));
  }

  @Test
  void oneLineStandsWithTwoOnEachSide() {
    assertThat(of("a\nb\nc\nd\ne\nf", 3, 3))
        .isEqualTo(
            "D:3\n"
                + RULE
                + "   1 |     a\n   2 |     b\n   3 | >>> c\n   4 |     d\n"
                + "   5 |     e\n"
                + RULE);
  }

  @Test
  void severalLinesStandWithOneOnEachSide() {
    assertThat(of("a\nb\nc\nd", 2, 3))
        .isEqualTo(
            "D:2\n" + RULE + "   1 |     a\n   2 | >>> b\n   3 | >>> c\n   4 |     d\n" + RULE);
  }

  @Test
  void theEndOfTheTextEndsTheExcerpt() {
    assertThat(of("a", 1, 1)).isEqualTo("D:1\n" + RULE + "   1 | >>> a\n" + RULE);
    assertThat(of("a", 1, 5)).isEqualTo("D:1\n" + RULE + "   1 | >>> a\n" + RULE);
  }

  @Test
  void placesOutsideOfTheTextShowNothing() {
    assertThat(of("a", 2, 2)).isEmpty();
    assertThat(of("a", 0, -1)).isEmpty();
  }
}
