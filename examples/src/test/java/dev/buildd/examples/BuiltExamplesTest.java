package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Definition;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the examples describe is built by a daemon. */
@Tag("root")
@Timeout(120)
class BuiltExamplesTest {
  @TempDir static Path directory;
  private static Daemon daemon;

  @TempDir Path temp;
  private Path src;
  private Path out;

  @BeforeAll
  static void start() throws Exception {
    daemon = new Daemon(directory);
  }

  @AfterAll
  static void stop() {
    daemon.close();
  }

  @BeforeEach
  void makeDirectories() throws Exception {
    src = Files.createDirectory(temp.resolve("src"));
    out = Files.createDirectory(temp.resolve("out"));
  }

  private SolveOptions options() {
    return SolveOptions.defaults()
        .withLocalDir("rootfs", daemon.rootfs())
        .withExports(SolveOptions.Export.local(out));
  }

  @Test
  void aDockerfileIsBuiltByItsDefinition() throws Exception {
    Definition definition =
        Dockerfile2Llb.convert(
            """
            FROM scratch AS rootfs
            COPY bin/busybox /bin/sh
            FROM rootfs
            ENV GREETING=hello
            RUN echo $GREETING > /greeting
            FROM scratch
            COPY --from=1 /greeting /
            """
                .getBytes(StandardCharsets.UTF_8),
            Example.flags(List.of(), Dockerfile2Llb.FLAGS));
    daemon.build(definition, options().withLocalDir("context", daemon.rootfs()));
    assertThat(out.resolve("greeting")).hasContent("hello");
  }

  // --- gobuild ---

  private void code(String name, String text) throws Exception {
    Files.writeString(src.resolve(name).resolve("code"), text);
  }

  /** The packages that were compiled. */
  private Set<String> compiled() throws Exception {
    Example flags = Example.flags(List.of("--src=" + src, "--main=cmd/app"), PackageBuild.FLAGS);
    Definition definition = PackageBuild.build(flags).marshal(flags.marshalOptions());
    return daemon.build(definition, options().withLocalDir("src", src)).stream()
        .filter(name -> name.startsWith("compile "))
        .map(name -> name.substring("compile ".length()))
        .collect(Collectors.toSet());
  }

  private void writePackages() throws Exception {
    PackageGraphTest.write(src, "cmd/app", "import text\nimport text/wide\n");
    PackageGraphTest.write(src, "text", "import base\n");
    PackageGraphTest.write(src, "text/wide", "import base\n");
    PackageGraphTest.write(src, "base", "");
    PackageGraphTest.write(src, "unused", "");
    for (String name : List.of("cmd/app", "text", "text/wide", "base", "unused")) {
      code(name, "# of " + temp + "\ncode of " + name + "\n");
    }
  }

  @Test
  void aPackageIsCompiledAgainIfItOrWhatItImportsHasChanged() throws Exception {
    writePackages();
    code("base", "code of " + temp); // what other tests have compiled is not taken for it
    assertThat(compiled()).containsExactlyInAnyOrder("base", "text", "text/wide", "cmd/app");
    assertThat(out.toFile().list())
        .containsExactlyInAnyOrder("base.o", "text.o", "text.wide.o", "cmd.app.o");
    assertThat(out.resolve("text.o")).hasContent("code of text");
    assertThat(compiled()).isEmpty();

    code("text/wide", "other");
    assertThat(compiled()).containsExactlyInAnyOrder("text/wide", "cmd/app");
    assertThat(out.resolve("text.wide.o")).hasContent("other");
    code("unused", "other");
    assertThat(compiled()).isEmpty();
    code("base", "other of " + temp);
    assertThat(compiled()).containsExactlyInAnyOrder("base", "text", "text/wide", "cmd/app");
  }

  @Test
  void anotherCommentIsItsPackagesOwnAffair() throws Exception {
    writePackages();
    compiled();
    code("base", "# another\ncode of base\n");
    assertThat(compiled()).containsExactly("base");
  }

  @Test
  void anotherImportMakesAnotherPlan() throws Exception {
    writePackages();
    compiled();
    PackageGraphTest.write(src, "text", "import base\nimport unused\n");
    assertThat(compiled()).containsExactlyInAnyOrder("unused", "text", "cmd/app");
    assertThat(out.resolve("unused.o")).hasContent("code of unused");
  }

  // --- ExampleFrontend ---

  private SolveOptions buildfile(String text) throws Exception {
    Files.writeString(src.resolve("Buildfile"), text);
    return options()
        .withLocalDir("dockerfile", src)
        .withFrontendInputs(Map.of("busybox", BusyboxLocal.rootfs().marshal()));
  }

  @Test
  void aBuildfileIsBuilt() throws Exception {
    daemon.build(
        new ExampleFrontend(),
        buildfile(
            """
            # comment
            base busybox
            file /greeting hello,   world
            run cat /greeting /greeting > /twice
            """));
    assertThat(out.resolve("greeting")).hasContent("hello,   world");
    assertThat(out.resolve("twice")).hasContent("hello,   world\nhello,   world");
  }

  @Test
  void faultsAreToldWithTheirLine() throws Exception {
    assertFault("base scratch\nfrob it\n", "neither base NAME, file PATH TEXT nor run COMMAND");
    assertFault("base busybox\nrun exit 7\n", "exit code: 7");
    assertFault("\nbase localhost:1/nothing\n", "localhost:1/nothing");
  }

  private void assertFault(String text, String message) throws Exception {
    SolveOptions options = buildfile(text);
    assertThatThrownBy(() -> daemon.build(new ExampleFrontend(), options))
        .isInstanceOfSatisfying(
            SolveException.class,
            e -> {
              assertThat(e.places()).as(e.toString()).isNotEmpty();
              assertThat(e.places().getFirst().source().filename()).isEqualTo("Buildfile");
              assertThat(e.places().getFirst().spans().getFirst().startLine()).isEqualTo(2);
            })
        .hasMessageContaining(message);
  }
}
