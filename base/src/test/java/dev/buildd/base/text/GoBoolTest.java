package dev.buildd.base.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class GoBoolTest {
  @Test
  void valuesAreSpelledAsInGo() {
    assertThat(List.of("1", "t", "T", "true", "TRUE", "True"))
        .allSatisfy(text -> assertThat(GoBool.parse(text)).contains(true))
        .allMatch(GoBool::isTrue);
    assertThat(List.of("0", "f", "F", "false", "FALSE", "False"))
        .allSatisfy(text -> assertThat(GoBool.parse(text)).contains(false))
        .noneMatch(GoBool::isTrue);
    assertThat(List.of("", "yes", "tRUE", "2", " true"))
        .allSatisfy(text -> assertThat(GoBool.parse(text)).isEmpty())
        .noneMatch(GoBool::isTrue);
  }
}
