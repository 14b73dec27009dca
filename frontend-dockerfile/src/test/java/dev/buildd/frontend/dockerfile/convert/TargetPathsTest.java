package dev.buildd.frontend.dockerfile.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetPathsTest {
  private static final TargetPaths LINUX = TargetPaths.of("linux");
  private static final TargetPaths WINDOWS = TargetPaths.of("windows");

  @ParameterizedTest
  @CsvSource({
    "/w,a/,/w/a/",
    "/w,./,/w/",
    "/w,a/.,/w/a/.",
    "/w,/a/../b,/a/../b",
    "'',a,/a",
    "w,a,/w/a",
    "/w,'',/w",
  })
  void relativePathsAreJoined(String directory, String path, String absolute) {
    assertThat(LINUX.absolute(directory, path, true)).isEqualTo(absolute);
  }

  @ParameterizedTest
  @CsvSource({
    "C:\\w,a\\b,/w/a/b",
    "/w,c:\\x\\..\\y\\,/y/",
    "/w,\\x,/x",
  })
  void windowsHasOneDriveAndTwoSlashes(String directory, String path, String absolute) {
    assertThat(WINDOWS.absolute(directory, path, true)).isEqualTo(absolute);
  }

  @Test
  void otherDrivesAreRefused() {
    assertThatThrownBy(() -> WINDOWS.absolute("/", "D:\\x", false))
        .hasMessage("removing drive letter: The specified path is not on the system drive (C:)");
    assertThatThrownBy(() -> WINDOWS.absolute("/", "C:", false))
        .hasMessage("removing drive letter: No relative path specified in \"C:\"");
    assertThatThrownBy(() -> WINDOWS.absolute("/", "\\\\server\\x", false))
        .hasMessage("removing drive letter: UNC paths are not supported");
    assertThat(WINDOWS.isAbsolute("D:\\x")).isFalse();
    assertThat(WINDOWS.isAbsolute("C:\\x")).isTrue();
  }
}
