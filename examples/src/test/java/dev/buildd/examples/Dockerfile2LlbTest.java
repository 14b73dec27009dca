package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Definition;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
  void faultsHaveAPlace() {
    assertThatThrownBy(() -> convert("FROM scratch\nFORM x\n"))
        .isInstanceOfSatisfying(
            SolveException.class,
            e -> assertThat(e.places().getFirst().spans().getFirst().startLine()).isEqualTo(2));
  }
}
