package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PackageGraphTest {
  @TempDir Path root;

  static void write(Path root, String name, String imports) throws Exception {
    Path directory = Files.createDirectories(root.resolve(name));
    Files.writeString(directory.resolve("pkg"), imports);
  }

  @Test
  void packagesAreDirectoriesWithAFilePkg() throws Exception {
    write(root, "cmd/app", "import lib/text\n\nimport lib\n");
    write(root, "lib", "");
    write(root, "lib/text", "import lib\n");
    Files.createDirectories(root.resolve("docs"));
    assertThat(PackageGraph.read(root).imports())
        .isEqualTo(
            Map.of(
                "cmd/app",
                List.of("lib/text", "lib"),
                "lib",
                List.of(),
                "lib/text",
                List.of("lib")));
  }

  @Test
  void importsComeBeforeWhatImportsThemAndEachOnce() {
    PackageGraph diamond =
        new PackageGraph(
            Map.of(
                "top", List.of("left", "right"),
                "left", List.of("bottom"),
                "right", List.of("bottom"),
                "bottom", List.of(),
                "unused", List.of()));
    assertThat(diamond.closure("top")).containsExactly("bottom", "left", "right", "top");
  }

  @Test
  void cyclesAndUnknownPackagesAreTold() {
    assertThatThrownBy(
            () -> new PackageGraph(Map.of("a", List.of("b"), "b", List.of("a"))).closure("a"))
        .hasMessage("import cycle: a -> b -> a");
    assertThatThrownBy(() -> new PackageGraph(Map.of("a", List.of("b"))).closure("a"))
        .hasMessage("no package b, imported by a");
  }

  @Test
  void otherLinesAreRefused() throws Exception {
    write(root, "a", "imports b\n");
    assertThatThrownBy(() -> PackageGraph.read(root))
        .hasMessageContaining("neither empty nor an import: imports b");
  }
}
