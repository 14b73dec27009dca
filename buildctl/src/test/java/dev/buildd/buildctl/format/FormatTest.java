package dev.buildd.buildctl.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FormatTest {
  private static String aligned(TabWriter writer, String... lines) {
    for (String line : lines) {
      writer.println(line);
    }
    return writer.flush();
  }

  @Test
  void columnsAreAlignedAsGoAlignsThem() {
    assertThat(aligned(TabWriter.forTables(), "ID\tPLATFORMS", "07gpdtsjl3jgmk2x4cbc0s2gx\tx"))
        .isEqualTo("ID\t\t\t\tPLATFORMS\n07gpdtsjl3jgmk2x4cbc0s2gx\tx\n");
    assertThat(
            aligned(
                TabWriter.forTables(),
                "ID:\tx",
                "Labels:",
                "\tshort:\ta",
                "\torg.mobyproject.buildkit:\tb",
                "",
                "Total:\t1"))
        .isEqualTo(
            "ID:\tx\nLabels:\n\tshort:\t\t\t\ta\n\torg.mobyproject.buildkit:\tb\n\nTotal:\t1\n");
    assertThat(aligned(new TabWriter(0, 0, 1, ' '), "BuildKit:\ta", "Dockerfile:\tb"))
        .isEqualTo("BuildKit:   a\nDockerfile: b\n");
  }

  @Test
  void sizesAreDecimal() {
    assertThat(Units.bytes(0)).isEqualTo("0B");
    assertThat(Units.bytes(5)).isEqualTo("5B");
    assertThat(Units.bytes(999)).isEqualTo("999B");
    assertThat(Units.bytes(3_140_000)).isEqualTo("3.14MB");
    assertThat(Units.shortest(512_000_000)).isEqualTo("512MB");
  }

  private static final GoStruct RECORD =
      new GoStruct()
          .with("ID", "id", "a<b")
          .with("Size", "size", 12L)
          .with("Created", "created", Instant.parse("2026-11-24T01:02:03.000450Z"))
          .with("Parents", "parents", null)
          .withOptional("Shared", "shared", false)
          .with("Labels", "labels", Map.of("k", "v"));

  private static String run(String template, Object data) {
    return GoTemplate.parse(template).execute(data);
  }

  @Test
  void templatesReachFieldsAndLoop() {
    assertThat(run("json", List.of(RECORD)))
        .isEqualTo(
            "[{\"id\":\"a<b\",\"size\":12,\"created\":\"2026-11-24T01:02:03.00045Z\","
                + "\"parents\":null,\"labels\":{\"k\":\"v\"}}]");
    assertThat(run("{{range .}}{{.ID}}={{.Size}};{{else}}none{{end}}", List.of(RECORD, RECORD)))
        .isEqualTo("a<b=12;a<b=12;");
    assertThat(run("{{range .}}x{{else}}none{{end}}", List.of())).isEqualTo("none");
    assertThat(run("{{if .Shared}}yes{{else if gt .Size 10}}big{{else}}no{{end}}", RECORD))
        .isEqualTo("big");
    assertThat(
            run("{{range $i, $r := .}}{{$i}}:{{$r.ID | printf \"%s!\"}} {{end}}", List.of(RECORD)))
        .isEqualTo("0:a<b! ");
    assertThat(run("a {{- /* gone */ -}} b{{with .Labels}}{{.k}}{{end}}", RECORD)).isEqualTo("abv");
    assertThat(run("{{.Created}}", RECORD)).isEqualTo("2026-11-24 01:02:03.00045 +0000 UTC");
    assertThat(run("{{len .}}{{index . 0 | json}}", List.of("x"))).isEqualTo("1\"x\"");
    assertThat(run("{{eq .ID \"a<b\" | not}}{{and true (or false 1)}}", RECORD))
        .isEqualTo("false1");
  }

  @Test
  void badTemplatesSayWhy() {
    assertThatThrownBy(() -> run("{{.Nosuch}}", RECORD)).hasMessageContaining("Nosuch");
    assertThatThrownBy(() -> run("{{nosuch .}}", RECORD)).hasMessageContaining("not defined");
    assertThatThrownBy(() -> GoTemplate.parse("{{range .}}x")).hasMessageContaining("EOF");
    assertThatThrownBy(() -> GoTemplate.parse("{{.ID")).hasMessageContaining("unclosed");
    assertThatThrownBy(() -> GoTemplate.parse("{{end}}")).hasMessageContaining("end");
  }
}
