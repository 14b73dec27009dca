package dev.buildd.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ImageReferenceTest {
  private static final String DIGEST =
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

  @ParameterizedTest
  @CsvSource({
    "busybox, docker.io/library/busybox:latest",
    "busybox:1, docker.io/library/busybox:1",
    "moby/buildkit, docker.io/moby/buildkit:latest",
    "index.docker.io/x, docker.io/library/x:latest",
    "localhost/x, localhost/x:latest",
    "localhost:5000/x:a, localhost:5000/x:a",
    "ghcr.io/a/b/c:V1.0, ghcr.io/a/b/c:V1.0",
    "[::1]:5000/x, [::1]:5000/x:latest",
    "a__b/c.d-e--f, docker.io/a__b/c.d-e--f:latest",
  })
  void shortNamesAreMadeFull(String text, String full) {
    assertThat(ImageReference.parse(text).toString()).isEqualTo(full);
    assertThat(ImageReference.parse(full)).isEqualTo(ImageReference.parse(text));
  }

  @Test
  void digestMakesTheTagUnnecessary() {
    assertThat(ImageReference.parse("x@" + DIGEST).toString())
        .isEqualTo("docker.io/library/x@" + DIGEST);
    assertThat(ImageReference.parse("x:1@" + DIGEST).object()).isEqualTo(DIGEST);
  }

  @Test
  void malformedNamesAreRefused() {
    for (String text :
        List.of(
            "",
            "/x",
            "x/",
            "a//b",
            "x:",
            "x:a b",
            "a/Upper",
            "x@sha256:1",
            "..",
            "a/../b",
            "x:" + "t".repeat(129),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "-a",
            "host.com:99x/y",
            "a?b",
            "x@" + DIGEST + "@" + DIGEST)) {
      assertThatThrownBy(() -> ImageReference.parse(text))
          .as(text)
          .isInstanceOf(BuildException.class);
    }
  }
}
