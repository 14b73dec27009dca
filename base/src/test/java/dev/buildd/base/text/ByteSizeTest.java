package dev.buildd.base.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sizes as Docker writes them. */
class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "32, 32",
    "32b, 32",
    "32B, 32",
    "1k, 1024",
    "1Kb, 1024",
    "1 KiB, 1024",
    "1.5m, 1572864",
    "2g, 2147483648",
    "1t, 1099511627776",
    "1P, 1125899906842624",
    ".5k, 512",
    "1e3, 1000"
  })
  void isRead(String text, long bytes) {
    assertThat(ByteSize.parse(text)).hasValue(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "k", "-1", "-1k", "1kx", "1kbi", "1bb", "1e", "1x", "1  k", "1.2.3", " "})
  void isNone(String text) {
    assertThat(ByteSize.parse(text)).isEmpty();
  }
}
