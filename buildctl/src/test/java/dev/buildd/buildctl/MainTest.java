package dev.buildd.buildctl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.llb.Llb;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MainTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @TempDir Path temp;

  private int run(String... arguments) throws Exception {
    return Client.run(out, err, arguments);
  }

  @Test
  void helpHasTheLayoutThatUsersKnow() throws Exception {
    assertThat(run("du", "--help")).isZero();
    assertThat(out.toString(UTF_8))
        .startsWith(
            """
            NAME:
               buildctl du - disk usage

            USAGE:
               buildctl du [options]

            OPTIONS:
               --filter string, -f string [ --filter string, -f string ]  Filter records
               --verbose, -v                                              Verbose output
            """)
        .contains("\nGLOBAL OPTIONS:\n   --debug                 enable debug output in logs\n");
    out.reset();
    assertThat(run("build", "--help")).isZero();
    assertThat(out.toString(UTF_8))
        .contains("--output string, -o string [")
        .doesNotContain("--exporter ");
  }

  @Test
  void misuseIsToldOnStandardError() throws Exception {
    assertThat(run("nosuch")).isEqualTo(3);
    assertThat(err.toString(UTF_8)).isEqualTo("No help topic for 'nosuch'\n");
    err.reset();
    assertThat(run("du", "--nosuch")).isEqualTo(1);
    assertThat(err.toString(UTF_8))
        .isEqualTo(
            """
            Incorrect Usage: flag provided but not defined: -nosuch

            error: flag provided but not defined: -nosuch
            """);
    err.reset();
    assertThat(run("--addr", "unix://" + temp.resolve("none"), "du")).isEqualTo(1);
    assertThat(err.toString(UTF_8)).startsWith("error: ").contains("no such file or directory");
  }

  @Test
  void flagsOfBuildAreCheckedBeforeAnythingIsSent() throws Exception {
    Path file = Files.writeString(temp.resolve("file"), "");
    String none = temp.resolve("none/below").toString();
    String[][] wrong = {
      {"--local", "context", "invalid local: invalid value context"},
      {
        "--local",
        "context=" + none,
        "invalid local: resolve : lstat " + temp.resolve("none") + ": no such file or directory"
      },
      {"--local", "context=" + file, "invalid local: stat " + file + ": not a directory"},
      {"--opt", "target", "invalid opt: invalid value target"},
      {
        "--oci-layout",
        "x",
        "invalid oci-layout: oci-layout option must be 'id=path/to/layout', instead had invalid x"
      },
      {"--secret", "id=x,src=" + none, "failed to stat " + none},
      {"--ssh", "x=" + none, "failed to convert agent config {x [" + none + "] false}: "},
      {"--allow", "everything", "unknown entitlement everything"},
    };
    for (String[] flag : wrong) {
      err.reset();
      assertThat(run("build", "--frontend", "any", flag[0], flag[1])).as(flag[2]).isEqualTo(1);
      assertThat(err.toString(UTF_8)).startsWith("error: " + flag[2]);
    }
  }

  @Test
  void definitionsAreDumped() throws Exception {
    Path file = temp.resolve("def");
    try (OutputStream to = Files.newOutputStream(file)) {
      Llb.image("busybox")
          .run(Llb.shlex("echo 'a > b'"), Llb.addMount("/src", Llb.local("src")))
          .root()
          .file(Llb.mkdir("/d", 0755))
          .marshal()
          .writeTo(to);
    }
    assertThat(run("debug", "dump-llb", file.toString())).isZero();
    String[] lines = out.toString(UTF_8).split("\n");
    assertThat(lines).hasSize(5);
    assertThat(lines[2]).contains("\"args\":[\"echo\",\"a \\u003e b\"]");
    assertThat(lines[3]).contains("\"actions\":[{\"input\":0,\"secondaryInput\":-1,\"output\":0,");
    assertThat(lines[4]).contains("\"Op\":{}}");
    out.reset();
    assertThat(run("debug", "dump-llb", "--dot", file.toString())).isZero();
    assertThat(out.toString(UTF_8))
        .startsWith("digraph {\n")
        .contains(
            "[label=\"docker-image://docker.io/library/busybox:latest\" shape=\"ellipse\"];",
            "[label=\"echo a > b\" shape=\"box\"];",
            "[label=\"mkdir{path=/d}\" shape=\"note\"];",
            "[label=\"/src\"];")
        .endsWith("}\n");
  }
}
