package dev.buildd.frontend.dockerfile.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformSpecifierTest {
  @ParameterizedTest
  @CsvSource({
    "linux/amd64,linux/amd64",
    "Linux/x86_64,linux/amd64",
    "linux/arm,linux/arm",
    "linux/armhf,linux/arm",
    "linux/armel,linux/arm/v6",
    "linux/arm/7,linux/arm/v7",
    "linux/arm64/v8,linux/arm64/v8",
    "linux/amd64/v1,linux/amd64",
    "linux/i386,linux/386",
    "macos/aarch64,darwin/arm64",
    "arm64,linux/arm64",
    "windows(10.0.1+win32k)/amd64,windows(10.0.1+win32k)/amd64",
  })
  void keepsWhatIsWrittenOutAndDropsWhatIsNot(String text, String formatted) {
    assertThat(PlatformSpecifier.parse(text).format()).isEqualTo(formatted);
  }

  @Test
  void aSystemAloneMeansThisMachinesProcessor() {
    assertThat(PlatformSpecifier.parse("windows").os()).isEqualTo("windows");
    assertThat(PlatformSpecifier.parse("windows").architecture()).isNotEmpty();
  }

  @Test
  void faultsNameTheComponent() {
    assertThatThrownBy(() -> PlatformSpecifier.parse("linux/*"))
        .hasMessage("\"linux/*\": wildcards not yet supported: invalid argument");
    assertThatThrownBy(() -> PlatformSpecifier.parse("linux/a b"))
        .hasMessage(
            "\"a b\" is an invalid component of \"linux/a b\": platform specifier component must"
                + " match \"^[A-Za-z0-9_.-]+$\": invalid argument");
    assertThatThrownBy(() -> PlatformSpecifier.parse("li nux/amd64"))
        .hasMessageStartingWith("\"li nux\" is an invalid OS component of \"li nux/amd64\"");
  }
}
