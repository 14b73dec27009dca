package dev.buildd.frontend.dockerfile.lex;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.frontend.dockerfile.lex.Directives.Directive;
import dev.buildd.frontend.dockerfile.source.Location;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Directives that concern a whole file (dockerfile.md section 1.2). */
class DirectivesTest {
  private static Optional<Directive> syntax(String text) {
    return Directives.syntax(text.getBytes(StandardCharsets.UTF_8));
  }

  private static Optional<Directive> check(String text) {
    return Directives.check(text.getBytes(StandardCharsets.UTF_8));
  }

  private static Optional<Directive> at(int line, String value) {
    return Optional.of(new Directive(value, Location.line(line)));
  }

  @Test
  void commentNamesTheSyntax() {
    assertThat(syntax("# Syntax =  a:1 --x \r\nFROM b")).isEqualTo(at(1, "a:1 --x"));
    assertThat(syntax("#escape=`\n#syntax=a").orElseThrow().word()).isEqualTo("a");
    assertThat(syntax("\uFEFF# syntax=a")).isEqualTo(at(1, "a"));
    assertThat(syntax("# syntax=a b").orElseThrow().word()).isEqualTo("a");
  }

  @Test
  void lineForTheKernelIsSkipped() {
    assertThat(syntax("#!/bin/x\n# syntax=a")).isEqualTo(at(2, "a"));
    assertThat(syntax("#!/bin/x\n{\"syntax\": \"a b\"}")).isEqualTo(at(1, "a b"));
  }

  @Test
  void otherFormsAreForTheSyntaxOnly() {
    assertThat(syntax("// syntax=a\n")).isEqualTo(at(1, "a"));
    assertThat(syntax(" {\"x\": [1], \"syntax\": \"a\"}")).isEqualTo(at(0, "a"));
    assertThat(check("// check=a\n")).isEmpty();
    assertThat(check("{\"check\": \"a\"}")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " # syntax=a",
        "\n# syntax=a",
        "#\n# syntax=a",
        "# x\n# syntax=a",
        "# foo=1\n# syntax=a",
        "FROM a\n# syntax=a",
        "# syntax=",
        "# syn tax=a",
        "{\"syntax\": 1}",
        "{\"syntax\": \"a\"} x",
        "[\"syntax\"]"
      })
  void othersAreNone(String text) {
    assertThat(syntax(text)).isEmpty();
  }

  @Test
  void whatIsGivenTwiceIsFoundOnce() {
    assertThat(syntax("# syntax=a\n# syntax=b")).isEqualTo(at(1, "a"));
    assertThat(check("# syntax=a\n# syntax=b\n# check=c")).isEmpty();
  }

  @Test
  void checkIsCutAtABlank() {
    assertThat(check("# check=skip=A, B").orElseThrow().word()).isEqualTo("skip=A,");
    assertThat(Directives.checkOfComment("check = skip=X // why")).contains("skip=X");
    assertThat(Directives.checkOfComment("# check=skip=X")).isEmpty();
    assertThat(Directives.checkOfComment("checks")).isEmpty();
    assertThat(Directives.checkOfComment("syntax=x")).isEmpty();
  }

  @Test
  void deepJsonIsNoDirective() {
    assertThat(syntax("{\"a\":" + "[".repeat(100_000))).isEmpty();
  }
}
