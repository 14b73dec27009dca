package dev.buildd.base.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.util.List;
import org.junit.jupiter.api.Test;

class PatternMatcherTest {
  private static boolean matches(String path, String... patterns) {
    PatternMatcher matcher = PatternMatcher.compile(List.of(patterns));
    boolean direct = matcher.matchesOrParentMatches(path);
    PatternMatcher.Matches at = PatternMatcher.Matches.none();
    boolean walked = false;
    for (int slash = path.indexOf('/'); ; slash = path.indexOf('/', slash + 1)) {
      String part = slash < 0 ? path : path.substring(0, slash);
      if (!part.isEmpty()) {
        PatternMatcher.Result result = matcher.match(part, at);
        walked = result.matched();
        at = result.matches();
      }
      if (slash < 0) {
        break;
      }
    }
    assertThat(walked).as("walking to %s", path).isEqualTo(direct);
    return direct;
  }

  @Test
  void plainTextMatchesItselfAndAllBelow() {
    assertThat(matches("a", "a")).isTrue();
    assertThat(matches("a/b/c", "a")).isTrue();
    assertThat(matches("ab", "a")).isFalse();
    assertThat(matches("b/a", "a")).isFalse();
    assertThat(matches("a/b", "./a//b/")).isTrue();
  }

  @Test
  void starStaysInItsDirectory() {
    assertThat(matches("x.go", "*.go")).isTrue();
    assertThat(matches("d/x.go", "*.go")).isFalse();
    assertThat(matches("d/x.go", "*/*.go")).isTrue();
    assertThat(matches("a.go/x", "*.go")).isTrue();
    assertThat(matches("axb", "a?b")).isTrue();
    assertThat(matches("a/b", "a?b")).isFalse();
  }

  @Test
  void doubleStarCrossesDirectories() {
    assertThat(matches("x", "**")).isTrue();
    assertThat(matches("a/b/x", "**/x")).isTrue();
    assertThat(matches("x", "**/x")).isTrue();
    assertThat(matches("ax", "**/x")).isFalse();
    assertThat(matches("a/b.go", "**/*.go")).isTrue();
    assertThat(matches("b.go", "**/*.go")).isTrue();
    assertThat(matches("a/x/y/b", "a/**/b")).isTrue();
    assertThat(matches("a/b", "a/**/b")).isTrue();
    assertThat(matches("a/xb", "a/**/b")).isFalse();
    assertThat(matches("a/x", "a/**")).isTrue();
    assertThat(matches("a", "a/**")).isFalse();
    assertThat(matches("ab/x", "a*/**")).isTrue();
    assertThat(matches("a/b.go", "**go")).isTrue();
    assertThat(matches("foobar", "foo**")).isTrue();
    assertThat(matches("a/b/c", "**/**")).isTrue();
  }

  @Test
  void laterExclusionTakesBack() {
    assertThat(matches("a/keep", "a", "!a/keep")).isFalse();
    assertThat(matches("a/other", "a", "!a/keep")).isTrue();
    assertThat(matches("a/keep/x", "a", "!a/keep", "a/keep/x")).isTrue();
    assertThat(matches("a/keep", "!a/keep", "a")).isTrue();
    assertThat(matches("README.md", "*.md", "!README*.md", "README-secret.md")).isFalse();
  }

  @Test
  void classesAndEscapes() {
    assertThat(matches("b", "[a-c]")).isTrue();
    assertThat(matches("d", "[^a-c]")).isTrue();
    assertThat(matches("a*b", "a\\*b")).isTrue();
    assertThat(matches("axb", "a\\*b")).isFalse();
    assertThat(matches("a.b", "a.b")).isTrue();
    assertThat(matches("axb", "a.b*")).isFalse();
    assertThat(matches("ü", "?")).isTrue();
    assertThat(matches("\uD83D\uDE00", "?")).isTrue();
  }

  @Test
  void malformedPatternsAreRefused() {
    for (String bad : List.of("[", "[]a]", "[a-]", "a\\", "!")) {
      assertThatThrownBy(() -> PatternMatcher.compile(List.of(bad)))
          .as(bad)
          .isInstanceOf(BuildException.class);
    }
    assertThat(PatternMatcher.compile(List.of("", "  ")).patterns()).isEmpty();
  }

  @Test
  void manyStarsTakeLinearTime() {
    String path = "a".repeat(20_000);
    assertThat(GoGlob.match("*a".repeat(30) + "b", path)).isFalse();
    assertThat(matches("a/" + path, "**/" + "a*".repeat(30) + "b")).isFalse();
  }

  @Test
  void globIsGoMatch() {
    assertThat(GoGlob.match("a*b?c*x", "abxbbxdbxebxczzx")).isTrue();
    assertThat(GoGlob.match("*x", "xxx")).isTrue();
    assertThat(GoGlob.match("a/*", "a/b/c")).isFalse();
    assertThat(GoGlob.match("[\\]a]", "]")).isTrue();
    assertThat(GoGlob.match("**", "a/b")).isFalse();
    assertThat(GoGlob.match("", "")).isTrue();
    assertThat(GoGlob.hasWildcards("a\\*")).isFalse();
    assertThat(GoGlob.hasWildcards("a\\**")).isTrue();
  }

  @Test
  void pathsAreCleanedAsGoDoes() {
    assertThat(GoPath.clean("a/./b/../c//")).isEqualTo("a/c");
    assertThat(GoPath.clean("../../a")).isEqualTo("../../a");
    assertThat(GoPath.clean("/../a")).isEqualTo("/a");
    assertThat(GoPath.clean("")).isEqualTo(".");
    assertThat(GoPath.clean("/")).isEqualTo("/");
    assertThat(GoPath.join("a", "", "../b")).isEqualTo("b");
    assertThat(GoPath.dir("a")).isEqualTo(".");
    assertThat(GoPath.dir("/a")).isEqualTo("/");
    assertThat(GoPath.dir("a/b/c")).isEqualTo("a/b");
    assertThat(GoPath.base("a/b/")).isEqualTo("b");
    assertThat(GoPath.compare("a/b", "a-b")).isNegative();
    assertThat(GoPath.compare("a", "a/b")).isNegative();
    assertThat(GoPath.compare("\uFFFD", "\uD83D\uDE00")).isNegative();
  }
}
