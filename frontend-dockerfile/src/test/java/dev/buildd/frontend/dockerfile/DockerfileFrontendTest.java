package dev.buildd.frontend.dockerfile;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.buildd.base.error.BuildException;
import dev.buildd.frontend.dockerfile.golden.FakeGateway;
import dev.buildd.frontend.dockerfile.golden.Vector;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Faults and sizes that no vector shows. */
class DockerfileFrontendTest {
  private static Result build(String dockerfile, Map<String, String> options) throws Exception {
    return new DockerfileFrontend()
        .build(
            new FakeGateway(
                new Vector(dockerfile.getBytes(UTF_8), Map.of("opts", options), Map.of()),
                Vector.images()));
  }

  private static BuildException fault(String dockerfile, Map<String, String> options) {
    return catchThrowableOfType(BuildException.class, () -> build(dockerfile, options));
  }

  @Test
  void anInputThatIsNothingHasNoDockerfile() {
    Map<String, Object> inputs = Map.of("dockerfile", Map.of("definition", ""));
    FakeGateway gateway =
        new FakeGateway(
            new Vector("FROM scratch".getBytes(UTF_8), Map.of("inputs", inputs), Map.of()),
            Vector.images());
    assertThat(
            catchThrowableOfType(
                BuildException.class, () -> new DockerfileFrontend().build(gateway)))
        .hasMessage("invalid nil input definition to definition op");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "COPY --from=$x a b | variable expansion is not supported for --from, define a new stage"
            + " with FROM using ARG from global scope as a workaround",
        "COPY --from=7 a b | invalid stage index 7",
        "COPY https://h/x /y | source can't be a URL for COPY",
        "COPY https://h/x.git /y | source can't be a git ref for COPY",
        "COPY --chmod=64a a b | invalid chmod parameter: '64a'. it should be octal string and"
            + " between 0 and 07777",
        "ADD --checksum=sha256:00 a b c | checksum can't be specified for multiple sources",
        "ADD --keep-git-dir=false https://h/x.git?keep-git-dir=1 /y | inconsistent keep-git-dir"
            + " configuration",
        "ADD --checksum=aa https://h/x.git?checksum=bb /y | checksum mismatch \"aa\" != \"bb\"",
        "RUN --mount=target=/ x | invalid mount target \"/\"",
        "RUN --mount=type=ssh,source=x y | ssh does not support source",
        "STOPSIGNAL nope | invalid signal: nope",
        "VOLUME $nothing | VOLUME specified can not be an empty string",
      })
  void faultsAreToldAtTheirInstruction(String instruction, String text) {
    BuildException fault = fault("FROM scratch\n" + instruction + "\n", Map.of());
    assertThat(fault).hasMessage(text);
    if (!text.startsWith("variable expansion") && !text.startsWith("invalid stage")) {
      assertThat(((SolveException) fault).places())
          .singleElement()
          .satisfies(place -> assertThat(place.spans().getFirst().startLine()).isEqualTo(2));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "COPY x C: | removing drive letter: No relative path specified in \"C:\"",
        "COPY C: /x | removing drive letter: removing drive letter: No relative path specified in"
            + " \"C:\"",
        "COPY --parents D:a /x | removing drive letter: removing drive letter: The specified path"
            + " is not on the system drive (C:)",
        "WORKDIR //server/x | normalizing workdir: normalizing working directory: removing drive"
            + " letter: UNC paths are not supported",
      })
  void pathsOfWindowsAreRefusedInBuildKitsWords(String instruction, String text) {
    assertThat(fault("FROM scratch\n" + instruction + "\n", Map.of("platform", "windows/amd64")))
        .hasMessage(text);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "nothing | invalid context specifier nothing for x",
        "ftp:a | unsupported context source ftp for x",
        "input:none | invalid input none for x",
        "oci-layout://store:tag | oci-layout reference \"store:tag\" has no digest",
      })
  void wrongNamedContextsAreTold(String value, String text) {
    assertThat(fault("FROM x\n", Map.of("context:x", value))).hasMessage(text);
  }

  @Test
  void anEmptyFileIsNone() {
    BuildException fault = fault("", Map.of());
    assertThat(fault).hasMessage("the Dockerfile cannot be empty");
    assertThat(((SolveException) fault).places()).isEmpty();
  }

  @Test
  void stagesOnTopOfEachOtherMayBeMany() throws Exception {
    StringBuilder text = new StringBuilder("FROM scratch AS s0\n");
    for (int i = 1; i < 3000; i++) {
      text.append("FROM s")
          .append(i - 1)
          .append(" AS s")
          .append(i)
          .append("\nENV A")
          .append(i)
          .append("=1\n");
    }
    assertThat(build(text.toString(), Map.of()).metadata()).containsKey("refs.platforms");
  }

  @Test
  void stagesThatCopyFromEachOtherMayBeMany() throws Exception {
    StringBuilder text = new StringBuilder("FROM scratch AS s0\nCOPY a /\n");
    for (int i = 1; i < 1000; i++) {
      text.append("FROM scratch AS s")
          .append(i)
          .append("\nCOPY --from=s")
          .append(i - 1)
          .append(" / /\n");
    }
    assertThat(build(text.toString(), Map.of()).single()).isPresent();
  }
}
