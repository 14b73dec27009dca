package dev.buildd.solver.source;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RedactedUrlTest {
  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          ADD https://u:p@h/x /,            ADD https://xxxxx:xxxxx@h/x /
          https://token@h/x https://t@h,    https://xxxxx@h/x https://xxxxx@h
          HTTP://t@h,                       HTTP://xxxxx@h
          ssh://git@h/x,                    ssh://git@h/x
          ssh://git:pw@h/x,                 ssh://xxxxx:xxxxx@h/x
          git@h:x/y,                        git@h:x/y
          https://h/x@y,                    https://h/x@y
          RUN echo 'https://h' a@b,         RUN echo 'https://h' a@b
          ://@,                             ://@
          a://:@,                           a://xxxxx:xxxxx@
          """)
  void passwordsAndTokensAreMasked(String text, String shown) {
    assertThat(RedactedUrl.within(text)).isEqualTo(shown);
  }

  @Test
  void takesLinearTime() {
    String long1 = "://".repeat(300_000);
    assertThat(RedactedUrl.within(long1)).isEqualTo(long1);
  }
}
