package dev.buildd.base.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class GoQuoteTest {
  @Test
  void oneLineThatNoTerminalObeys() {
    assertThat(GoQuote.of("a\nb\t\"q\" \\ \u001b[31m \u007f é \u00a0 \u200b 😀"))
        .isEqualTo("\"a\\nb\\t\\\"q\\\" \\\\ \\x1b[31m \\x7f é \\u00a0 \\u200b 😀\"");
  }
}
