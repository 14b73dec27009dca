package dev.buildd.frontend.dockerfile.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Small texts that are read or written on the way. */
class ConversionTextsTest {
  @ParameterizedTest
  @ValueSource(strings = {"", "0", "0644", "7777", "00007777", "u=rw,go+X", "a-w", "g=u", "+x-w"})
  void modesAreOctalOrSymbolic(String mode) {
    assertThatCode(() -> ChangedMode.check(mode)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"64a", "10000", "8", "77777777777777777777"})
  void numbersThatAreNoModesAreRefused(String mode) {
    assertThatThrownBy(() -> ChangedMode.check(mode))
        .hasMessage(
            "invalid chmod parameter: '"
                + mode
                + "'. it should be octal string and between 0 and 07777");
  }

  @ParameterizedTest
  @ValueSource(strings = {"q=rw", "u=rq", "u", "u=r,,g=r"})
  void otherTextsAreNoModes(String mode) {
    assertThatThrownBy(() -> ChangedMode.check(mode)).hasMessage("invalid syntax");
  }

  @ParameterizedTest
  @CsvSource({
    "https://h/a/b.tgz?x=/y#z,b.tgz",
    "https://h/a/,a",
    "https://h/,__unnamed__",
    "https://h,__unnamed__",
    "https://h/%41+b,A+b",
    "https://h/%zz,__unnamed__",
  })
  void filesAreNamedAfterThePathOfTheirUrl(String url, String name) {
    assertThat(RemoteFiles.filename(url)).isEqualTo(name);
  }

  @Test
  void checksumsAreDigests() {
    assertThatThrownBy(() -> RemoteFiles.url("https://h/f", "abc"))
        .hasMessage("invalid checksum digest format");
    assertThatThrownBy(() -> RemoteFiles.url("https://h/f", "md5:abc"))
        .hasMessage("unsupported digest algorithm");
    assertThatThrownBy(() -> RemoteFiles.url("https://h/f", "sha256:abc"))
        .hasMessage("invalid checksum digest length");
  }
}
