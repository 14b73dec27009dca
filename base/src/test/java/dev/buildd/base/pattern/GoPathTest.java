package dev.buildd.base.pattern;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.linux.FileNames;
import java.util.List;
import org.junit.jupiter.api.Test;

final class GoPathTest {
  @Test
  void treesAreWalkedInTheOrderOfBytesADirectorysFilesAfterIt() {
    String latin = FileNames.text(new byte[] {'a', (byte) 0xe9});
    List<String> order =
        List.of(
            "a",
            "a/b",
            "a/\uD83D\uDE00",
            "a b",
            "aé",
            latin,
            latin + "/x",
            "a\uFFFD",
            "a\uD83D\uDE00",
            "a\uD83D\uDE00/x",
            "a\uD83D\uDE01");
    assertThat(order.reversed().stream().sorted(GoPath::compare)).isEqualTo(order);
  }
}
