package dev.buildd.base.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FieldFilterTest {
  private static final Map<String, String> RECORD =
      Map.of("id", "abc", "type", "regular", "labels/com.example", "yes", "inuse", "");

  private static boolean matches(String... filters) {
    return FieldFilter.parse(List.of(filters))
        .matches(path -> Optional.ofNullable(RECORD.get(String.join("/", path))));
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '\'',
      delimiter = '|',
      value = {
        "id==abc | true",
        "id==abd | false",
        "id!=abd | true",
        "missing!=x | true",
        "id~=^a | true",
        "id~=^b | false",
        "inuse | true",
        "missing | false",
        "id==abc,type==regular | true",
        "id==abc,type==internal | false",
        "labels.\"com.example\"==yes | true",
        "id==\"abc\" | true",
      })
  void matchesAsContainerdDoes(String filter, boolean expected) {
    assertThat(matches(filter)).isEqualTo(expected);
  }

  @Test
  void severalFiltersMeanOr() {
    assertThat(matches("id==x", "type==regular")).isTrue();
    assertThat(matches("id==x", "type==internal")).isFalse();
    assertThat(matches()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"==", "id=", "id=x", "id==", "id==\"x", "id~=(", "id==a b", ",id"})
  void malformedFiltersAreRefused(String filter) {
    assertThatThrownBy(() -> matches(filter)).isInstanceOf(BuildException.class);
  }
}
