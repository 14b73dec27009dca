package dev.buildd.frontend.dockerfile.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.base.content.Platform;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ImageConfigJsonTest {
  private static String rewritten(String json) {
    return new String(ImageConfigJson.write(ImageConfigJson.read(json.getBytes(UTF_8))), UTF_8);
  }

  @Test
  void membersAreInTheReferencesOrder() {
    String json =
        "{\"created\":\"2024-01-01T00:00:00Z\",\"author\":\"a\",\"architecture\":\"arm\","
            + "\"os\":\"linux\",\"os.version\":\"1\",\"os.features\":[\"f\"],\"variant\":\"v7\","
            + "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]},"
            + "\"history\":[{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"x\","
            + "\"author\":\"y\",\"comment\":\"c\",\"empty_layer\":true}],"
            + "\"config\":{\"User\":\"u\",\"ExposedPorts\":{\"1/tcp\":{}},\"Env\":[\"A=\\u003c\"],"
            + "\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"],\"Volumes\":{\"/v\":{}},"
            + "\"WorkingDir\":\"/w\",\"Labels\":{\"l\":\"m\"},\"StopSignal\":\"TERM\","
            + "\"ArgsEscaped\":true,\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":1,"
            + "\"Timeout\":2,\"StartPeriod\":3,\"StartInterval\":4,\"Retries\":5},"
            + "\"OnBuild\":[\"RUN x\"],\"Shell\":[\"sh\"]}}";
    assertThat(rewritten(json)).isEqualTo(json);
  }

  @Test
  void whatIsEmptyOrUnknownIsLeftOut() {
    assertThat(rewritten("{\"container\":\"1\",\"config\":{\"Hostname\":\"h\",\"Cmd\":null}}"))
        .isEqualTo(
            "{\"architecture\":\"\",\"os\":\"\",\"rootfs\":{\"type\":\"\",\"diff_ids\":null},"
                + "\"config\":{}}");
  }

  @Test
  void timesAreWrittenAsGoWritesThem() {
    assertThat(rewritten("{\"created\":\"2024-01-01T00:00:00.120000+00:00\"}"))
        .startsWith("{\"created\":\"2024-01-01T00:00:00.12Z\"");
    assertThat(rewritten("{\"created\":\"2024-01-01T00:00:00.000+02:00\"}"))
        .startsWith("{\"created\":\"2024-01-01T00:00:00+02:00\"");
    assertThatThrownBy(() -> rewritten("{\"created\":\"yesterday\"}"))
        .hasMessageContaining("not a time");
  }

  @Test
  void scratchHasAPathAndADirectory() {
    assertThat(
            new String(
                ImageConfigJson.write(ImageConfig.scratch(Platform.of("linux", "amd64"))), UTF_8))
        .isEqualTo(
            "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
                + "\"diff_ids\":null},\"config\":{\"Env\":[\"PATH="
                + DefaultPath.UNIX
                + "\"],\"WorkingDir\":\"/\"}}");
    assertThat(ImageConfig.scratch(Platform.of("windows", "amd64")).container().env()).isEmpty();
  }

  @Test
  void anImageWithoutLayersIsKnownByItsHistoryToo() {
    assertThat(ImageConfigJson.read("{}".getBytes(UTF_8)).hasNoLayers()).isTrue();
    assertThat(
            ImageConfigJson.read("{\"history\":[{\"created_by\":\"x\"}]}".getBytes(UTF_8))
                .hasNoLayers())
        .isFalse();
  }

  @Test
  void variablesStayInTheirPlace() {
    ImageDraft draft = new ImageDraft(ImageConfig.empty());
    draft.putEnv("A", "1");
    draft.putEnv("B", "2");
    draft.putEnv("A", "3");
    draft.addDefaultPath("windows");
    draft.addHistory("x", false, Optional.empty());
    assertThat(draft.env()).containsExactly("A=3", "B=2");
    assertThat(draft.toConfig().history().getFirst().emptyLayer()).isTrue();
  }
}
