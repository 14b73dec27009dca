package dev.buildd.frontend.dockerfile.context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GitReferenceTest {
  @ParameterizedTest
  @CsvSource({
    "https://h/r.git,https://h/r.git,,",
    "https://h/r.git#v1:a/../b,https://h/r.git,v1,b",
    "git://h/r,git://h/r,,",
    "ssh://git@h/r#:x,ssh://git@h/r,,x",
    "git@h.org:r.git#main,git@h.org:r.git,main,",
    "github.com/o/r#x,github.com/o/r,x,",
    "https://h/r.git?ref=a&subdir=b,https://h/r.git,a,b",
    "https://h/r.git?tag=v1,https://h/r.git,refs/tags/v1,",
    "https://h/r.git?branch=m#refs/heads/m,https://h/r.git,refs/heads/m,",
  })
  void formsOfReferences(String text, String remote, String ref, String subdir) {
    GitReference found = GitReference.parse(text).orElseThrow();
    assertThat(found.remote()).isEqualTo(remote);
    assertThat(found.ref()).isEqualTo(ref == null ? "" : ref);
    assertThat(found.subdir()).isEqualTo(subdir == null ? "" : subdir);
    assertThat(found.looksLocal()).isEqualTo(text.startsWith("github.com/"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"./x.git", "../x", "src", "https://h/r", "https://h/r?x.git", "ftp://h/r.git", ""})
  void otherTextsAreNone(String text) {
    assertThat(GitReference.parse(text)).isEmpty();
  }

  @Test
  void parametersSayMore() {
    GitReference found =
        GitReference.parse(
                "https://h/r.git?checksum=abc&keep-git-dir&submodules=0&mtime=commit&"
                    + "fetch-by-commit=true")
            .orElseThrow();
    assertThat(found.checksum()).isEqualTo("abc");
    assertThat(found.keepGitDirectory()).isEqualTo(Optional.of(true));
    assertThat(found.submodules()).isEqualTo(Optional.of(false));
    assertThat(found.mtime()).isEqualTo("commit");
    assertThat(found.fetchByCommit()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "ref= | query \"ref\" has no value",
        "ref=a&ref=b | query \"ref\" has multiple values",
        "depth=1 | unexpected query \"depth\"",
        "ref=a&tag=b | ref conflicts: \"a\" vs \"refs/tags/b\"",
        "tag=a&branch=b | branch conflicts with tag",
        "keep-git-dir=maybe | invalid keep-git-dir value: \"maybe\"",
        "mtime=now | invalid mtime value: \"now\" (must be \"checkout\" or \"commit\")",
      })
  void wrongParametersAreTold(String query, String text) {
    assertThatThrownBy(() -> GitReference.parse("https://h/r.git?" + query)).hasMessage(text);
  }

  @Test
  void fragmentAndParametersMustAgree() {
    assertThatThrownBy(() -> GitReference.parse("https://h/r.git?ref=a#b"))
        .hasMessage("ref conflicts: \"b\" vs \"a\"");
    assertThatThrownBy(() -> GitReference.parse("https://h/r.git?subdir=a#:b"))
        .hasMessage("subdir conflicts: \"b\" vs \"a\"");
  }
}
