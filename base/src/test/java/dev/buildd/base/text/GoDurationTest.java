package dev.buildd.base.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.base.error.BuildException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lengths of time in Go's words. */
class GoDurationTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "+0, 0",
    "1ns, 1",
    "1us, 1000",
    "1\u00B5s, 1000",
    "1\u03BCs, 1000",
    "1m30s, 90000000000",
    "1.5s, 1500000000",
    ".5ms, 500000",
    "1.s, 1000000000",
    "-1h, -3600000000000",
    "0.1234567891s, 123456789",
    "9223372036854775807ns, 9223372036854775807",
    "-9223372036854775808ns, -9223372036854775808",
    "0.3333333333333333333333h, 1200000000000"
  })
  void isRead(String text, long nanoseconds) {
    assertThat(GoDuration.parse(text)).isEqualTo(nanoseconds);
  }

  @ParameterizedTest
  @CsvSource({
    "'', invalid duration \"\"",
    "-, invalid duration \"-\"",
    "., invalid duration \".\"",
    "x, invalid duration \"x\"",
    "1s x, unknown unit \"s x\" in duration \"1s x\"",
    "5, missing unit in duration \"5\"",
    "1h5, missing unit in duration \"1h5\"",
    "1d, unknown unit \"d\" in duration \"1d\"",
    "9223372036854775808ns, invalid duration \"9223372036854775808ns\"",
    "9223372036854775809ns, invalid duration \"9223372036854775809ns\"",
    "99999999999999999999s, invalid duration \"99999999999999999999s\"",
    "3000000h, invalid duration \"3000000h\"",
    "2562047h48m, invalid duration \"2562047h48m\""
  })
  void isRefused(String text, String reason) {
    assertThatExceptionOfType(BuildException.class)
        .isThrownBy(() -> GoDuration.parse(text))
        .withMessage("time: " + reason);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0s",
    "1, 1ns",
    "1500, 1.5\u00B5s",
    "20000000, 20ms",
    "1500000000, 1.5s",
    "90000000000, 1m30s",
    "3600000000000, 1h0m0s",
    "5430500000000, 1h30m30.5s",
    "-1000000, -1ms",
  })
  void isPrinted(long nanoseconds, String text) {
    assertThat(GoDuration.format(nanoseconds)).isEqualTo(text);
  }
}
