package dev.buildd.frontend.dockerfile.context;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class IgnoreFileTest {
  private static List<String> patterns(String content) {
    return IgnoreFile.patterns(content.getBytes(UTF_8), ".dockerignore");
  }

  @Test
  void patternsAreCleanedAndCommentsDropped() {
    assertThat(patterns("\uFEFFa/\n#no\n  b  \n\n/c/../d\n! /e/\n /\n !\n #yes\r\n"))
        .containsExactly("a", "b", "d", "!e", "/", "!", "#yes");
  }

  @Test
  void aLineOfTooManyBytesIsTheFilesFault() {
    assertThat(patterns("x".repeat(65535))).hasSize(1);
    assertThatThrownBy(() -> patterns("x".repeat(65536)))
        .hasMessage("failed parsing .dockerignore: bufio.Scanner: token too long");
  }
}
