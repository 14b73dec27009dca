package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Definition;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Dockerfile2LlbTest {
  private static final String DIGEST = "sha256:" + "a".repeat(64);
  private static final String ROOTFS =
      ", \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"" + DIGEST + "\"]}";

  @TempDir Path temp;

  private static Definition convert(String dockerfile, String... flags) throws Exception {
    return Dockerfile2Llb.convert(
        dockerfile.getBytes(StandardCharsets.UTF_8),
        Example.flags(List.of(flags), Dockerfile2Llb.FLAGS));
  }

  private static List<String> sources(Definition definition) {
    return definition.sources().stream().map(Definition.SourceStep::identifier).toList();
  }

  private String configs(String reference, String rootfs) throws Exception {
    Path file = temp.resolve("configs.json");
    Files.writeString(
        file,
        """
        {"%s": {"digest": "%s", "config": {
          "os": "linux", "architecture": "amd64", "config": {"Env": ["FROM_IMAGE=yes"]}%s}}}
        """
            .formatted(reference, DIGEST, rootfs));
    return "--image-configs=" + file;
  }

  private static String text(Definition definition) {
    return definition.ops().stream()
        .map(bytes -> bytes.toString(StandardCharsets.ISO_8859_1))
        .reduce("", String::concat);
  }

  @Test
  void theContextIsTheOnlyDirectory() throws Exception {
    Definition definition = convert("FROM scratch\nCOPY a /\nCOPY b /\n");
    assertThat(sources(definition)).containsExactly("local://context");
    assertThat(definition.sources().getFirst().attributes())
        .containsEntry("local.followpaths", "[\"a\",\"b\"]")
        .doesNotContainKey("local.session");
  }

  @Test
  void stepsHaveTheEnvironmentOfTheirImageWhichIsNamedByDigest() throws Exception {
    Definition definition = convert("FROM busybox\nRUN true\n", configs("busybox", ROOTFS));
    assertThat(sources(definition))
        .containsExactly("docker-image://docker.io/library/busybox:latest@" + DIGEST);
    assertThat(text(definition)).contains("FROM_IMAGE=yes");
  }

  @Test
  void anImageOfWhichNothingIsKnownIsNamedWithTheWayToTell() {
    assertThatThrownBy(() -> convert("FROM scratch\nFROM other:1\n"))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("the config of docker.io/library/other:1 is not known")
        .hasMessageContaining("--image-configs FILE");
  }

  @Test
  void aConfigWithoutLayersIsNotTakenForAnEmptyImage() {
    assertThatThrownBy(() -> convert("FROM busybox\nRUN true\n", configs("busybox:latest", "")))
        .hasMessageContaining("the config of docker.io/library/busybox:latest has no rootfs");
  }

  @Test
  void argumentsTargetsAndPlatformsAreTaken() throws Exception {
    String dockerfile =
        """
        # syntax=docker/dockerfile:1
        FROM scratch AS one
        ARG A
        ARG B
        COPY $A$B /one
        FROM scratch AS two
        COPY two /
        """;
    String[] flags = {"--target", "one", "--build-arg", "A=x", "--build-arg", "B=y=z"};
    assertThat(convert(dockerfile, flags).sources().getFirst().attributes())
        .containsEntry("local.followpaths", "[\"xy=z\"]");
    assertThat(text(convert("FROM scratch\nRUN x\n", "--platform=linux/s390x"))).contains("s390x");
  }

  @Test
  void severalPlatformsAreRefused() {
    assertThatThrownBy(() -> convert("FROM scratch\n", "--platform=linux/amd64,linux/arm64"))
        .hasMessageContaining("one platform");
  }

  @Test
  void digestsAreThoseOfEachPlatformsOperationsAndConfig() throws Exception {
    Path file = temp.resolve("configs.json");
    String config = "\"linux/%s\": {\"os\": \"linux\", \"architecture\": \"%s\"%s}";
    Files.writeString(
        file,
        "{\"busybox\": {\"digest\": \"%s\", \"platforms\": {%s, %s}}}"
            .formatted(
                DIGEST,
                config.formatted("amd64", "amd64", ROOTFS),
                config.formatted("arm64", "arm64", ROOTFS)));
    byte[] dockerfile = "FROM busybox\nCOPY a /\n".getBytes(StandardCharsets.UTF_8);
    List<String> flags = List.of("--image-configs=" + file, "--session=s");
    List<String> platforms = List.of("linux/amd64", "linux/arm64");
    List<String> expected = new ArrayList<>();
    for (String platform : platforms) {
      Definition definition = convert(dockerfile, with(flags, "--platform=" + platform));
      definition.ops().forEach(op -> expected.add(platform + " op " + Digest.of(op.toByteArray())));
      expected.add(digests(dockerfile, with(flags, "--platform=" + platform)).getLast());
    }
    List<String> both =
        digests(dockerfile, with(flags, "--platform=" + String.join(",", platforms)));
    assertThat(both.stream().map(line -> line.replaceFirst("^\\S+ config", "config")))
        .hasSize(10)
        .containsExactlyElementsOf(expected);
    assertThat(both.get(4)).startsWith("linux/amd64 config sha256:");
    assertThat(both.get(9)).startsWith("linux/arm64 config sha256:").isNotEqualTo(both.get(4));
  }

  @Test
  void anImageWithoutThePlatformIsNamed() throws Exception {
    Path file = temp.resolve("configs.json");
    Files.writeString(
        file, "{\"busybox\": {\"digest\": \"%s\", \"platforms\": {}}}".formatted(DIGEST));
    assertThatThrownBy(() ->
            convert(
                "FROM busybox\nRUN true\n", "--platform=linux/s390x", "--image-configs=" + file))
        .hasMessageContaining(
            "the config of docker.io/library/busybox:latest for linux/s390x is not known");
  }

  @Test
  void optionsOfTheFrontendAreTaken() throws Exception {
    assertThat(text(convert("FROM scratch\nRUN x\n", "--opt=hostname=there"))).contains("there");
    assertThatThrownBy(() -> convert("FROM scratch\n", "--opt=hostname"))
        .hasMessage("--opt wants NAME=VALUE, not hostname");
  }

  @Test
  void localSourcesAreASessionsOrDifferEachTime() throws Exception {
    byte[] dockerfile = "FROM scratch\nCOPY a /\n".getBytes(StandardCharsets.UTF_8);
    assertThat(digests(dockerfile, List.of("--session=s")))
        .hasSize(4)
        .isEqualTo(digests(dockerfile, List.of("--session=s")))
        .isNotEqualTo(digests(dockerfile, List.of("--session=t")));
    assertThat(digests(dockerfile, List.of())).isNotEqualTo(digests(dockerfile, List.of()));
  }

  private static List<String> with(List<String> flags, String more) {
    return Stream.concat(flags.stream(), Stream.of(more)).toList();
  }

  private static Definition convert(byte[] dockerfile, List<String> flags) throws Exception {
    return Dockerfile2Llb.convert(dockerfile, Example.flags(flags, Dockerfile2Llb.FLAGS));
  }

  private static List<String> digests(byte[] dockerfile, List<String> flags) throws Exception {
    return Dockerfile2Llb.digests(
        Dockerfile2Llb.build(dockerfile, Example.flags(flags, Dockerfile2Llb.FLAGS)));
  }

  @Test
  void faultsHaveAPlace() {
    assertThatThrownBy(() -> convert("FROM scratch\nFORM x\n"))
        .isInstanceOfSatisfying(
            SolveException.class,
            e -> assertThat(e.places().getFirst().spans().getFirst().startLine()).isEqualTo(2));
  }
}
