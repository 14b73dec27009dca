package dev.buildd.base.content;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which image of an index is taken for a platform, as containerd takes it. */
class PlatformChoiceTest {
  private static final String NONE = "none";

  /** Of an index with such platforms in this order, the one taken. */
  private static String chosen(String wanted, String... offered) {
    List<Descriptor> manifests =
        Stream.of(offered)
            .map(text ->
                new Descriptor(
                    MediaType.OCI_MANIFEST,
                    Digest.of(text),
                    1,
                    text.equals(NONE) ? Optional.empty() : Optional.of(Platform.parse(text)),
                    Map.of(),
                    List.of()))
            .toList();
    return new ImageManifest("", Optional.empty(), List.of(), manifests)
        .choose(Platform.parse(wanted))
        .map(m -> m.platform().map(Platform::format).orElse(NONE))
        .orElse("nothing");
  }

  @Test
  void theClosestArchitectureIsTaken() {
    assertThat(chosen("linux/arm/v7", "linux/arm/v5", "linux/arm/v6", "linux/arm64"))
        .isEqualTo("linux/arm/v6");
    assertThat(chosen("linux/amd64", "linux/386", "linux/amd64")).isEqualTo("linux/amd64");
    assertThat(chosen("linux/amd64", "linux/arm64", "windows/amd64")).isEqualTo("nothing");
  }

  @Test
  void oneWithoutAPlatformIsTheLastChoice() {
    assertThat(chosen("linux/amd64", NONE, "linux/amd64")).isEqualTo("linux/amd64");
    assertThat(chosen("linux/amd64", "linux/arm64", NONE)).isEqualTo(NONE);
  }

  @Test
  void versionsOfWindowsMustFit() {
    assertThat(chosen("windows(1.1.0)/bar", "windows(1.2.3)/bar", "windows(1.1.0)/bar"))
        .isEqualTo("windows(1.1.0)/bar");
    assertThat(chosen("windows(1.3.0)/bar", "windows(1.2.3)/bar")).isEqualTo("nothing");
    assertThat(chosen("windows/bar", "windows(1.2.3)/bar")).isEqualTo("windows(1.2.3)/bar");
    assertThat(chosen("linux(1)/amd64", "linux(2)/amd64")).isEqualTo("linux(2)/amd64");
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.17763, 10.0.17763.1, true",
    "10.0.17763, 10.0.18362, false",
    "10.0.20348, 10.0.20348, true",
    "10.0.20348, 10.0.17763, false",
    "10.0.22621, 10.0.20348, true",
    "10.0.26100, 10.0.20348, true",
    "10.0.26101, 10.0.20348, false",
    "10.0.26101, 10.0.26100, true",
    "10.0.26100, 10.0.26101, false",
    "10.0.26100, 11.0.26100, false",
    "10.0.26100, '', true",
    "10.0, 10.0.17763, true",
    "10.0.26100, ten, false"
  })
  void containersOfStableReleasesRunOnLaterOnes(String host, String container, boolean runs) {
    assertThat(WindowsVersion.parse(host).runs(container)).isEqualTo(runs);
  }

  @Test
  void onlyFeaturesThatAreThereAreUsedAndOfThoseTheMost() {
    assertThat(chosen("linux(+a+b)/amd64", "linux/amd64", "linux(+a)/amd64", "linux(+b)/amd64"))
        .isEqualTo("linux(+a)/amd64");
    assertThat(chosen("linux(+a+b)/amd64", "linux(+a)/amd64", "linux(+b+a)/amd64"))
        .isEqualTo("linux(+a+b)/amd64");
    assertThat(chosen("linux(+a)/amd64", "linux(+a+c)/amd64", "linux/amd64"))
        .isEqualTo("linux/amd64");
    assertThat(chosen("windows/amd64", "windows(+win32k)/amd64"))
        .isEqualTo("windows(+win32k)/amd64");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "linux/amd64",
        "windows(10.0.17763+win32k)/amd64",
        "linux(+a+b)/arm/v7",
        "os(1%2F2)/x"
      })
  void whatIsWrittenIsReadAgain(String text) {
    assertThat(Platform.parse(text).format()).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"linux", "linux/", "linux(/amd64", "linux(1)x/amd64", "a/b/c/d", "/amd64"})
  void whatIsNoPlatformIsRefused(String text) {
    assertThatThrownBy(() -> Platform.parse(text)).isInstanceOf(BuildException.class);
  }
}
