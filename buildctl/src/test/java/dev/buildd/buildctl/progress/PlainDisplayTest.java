package dev.buildd.buildctl.progress;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.buildd.client.SolveStatus;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PlainDisplayTest {
  private static final Instant T0 = Instant.parse("2026-11-24T01:02:03Z");

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, UTF_8);

  private static SolveStatus.Vertex vertex(
      String digest, double started, double completed, boolean cached, String error) {
    return new SolveStatus.Vertex(
        digest,
        List.of(),
        "step " + digest,
        started < 0 ? Optional.empty() : Optional.of(at(started)),
        completed < 0 ? Optional.empty() : Optional.of(at(completed)),
        cached,
        error,
        Optional.empty());
  }

  private static Instant at(double seconds) {
    return T0.plusMillis((long) (seconds * 1000));
  }

  private static SolveStatus vertices(SolveStatus.Vertex... vertices) {
    return new SolveStatus(List.of(vertices), List.of(), List.of(), List.of());
  }

  private static SolveStatus log(String digest, double seconds, String text) {
    return new SolveStatus(
        List.of(),
        List.of(),
        List.of(new SolveStatus.Log(digest, 1, ByteString.copyFromUtf8(text), at(seconds))),
        List.of());
  }

  private String shown() {
    return bytes.toString(UTF_8);
  }

  @Test
  void stepsArePrintedWithTheirNumbers() {
    Display display = Displays.of("plain", out, Terminal.none(), Map.of());
    display.update(vertices(vertex("a", -1, -1, false, ""), vertex("b", -1, -1, false, "")));
    display.update(vertices(vertex("a", 0, 0.1, true, "")));
    display.refresh();
    display.update(vertices(vertex("b", 1, -1, false, "")));
    display.update(log("b", 1.5, "one\ntw"));
    display.refresh();
    display.update(log("b", 1.6, "o\n"));
    display.refresh();
    display.update(
        new SolveStatus(
            List.of(),
            List.of(
                new SolveStatus.Status(
                    "copying",
                    "b",
                    "",
                    2000,
                    2000,
                    at(2.5),
                    Optional.of(at(1)),
                    Optional.of(at(2.5)))),
            List.of(),
            List.of()));
    display.update(vertices(vertex("b", 1, 3.5, false, "")));
    display.done();
    assertThat(shown())
        .isEqualTo(
            """
            #1 step a
            #1 CACHED

            #2 step b
            #2 0.500 one
            #2 0.500 two
            #2 copying 2.00kB / 2.00kB 1.5s done
            #2 DONE 2.5s
            """);
  }

  @Test
  void aFailedStepsOutputIsRepeated() {
    Display display = Displays.of("plain", out, Terminal.none(), Map.of());
    display.update(vertices(vertex("a", 0, -1, false, ""), vertex("b", 0, -1, false, "")));
    display.update(log("a", 12, "boom\n"));
    display.update(
        vertices(
            vertex("a", 0, 13, false, "exit code: 1"),
            vertex("b", 0, 14, false, "stopped: context canceled")));
    display.done();
    assertThat(shown())
        .contains(" 12.00 boom\n", " ERROR: exit code: 1\n", " CANCELED\n")
        .endsWith("------\n > step a:\n12.00 boom\n------\n");
  }

  @Test
  void nothingThatTheTerminalObeysIsShown() {
    Display display = Displays.of("plain", out, Terminal.none(), Map.of());
    display.update(vertices(vertex("a\u001b[31m\nb", 0, 1, false, "bad\u001b[0m\nworse")));
    display.done();
    assertThat(shown()).contains("a\\x1b[31m\\nb", "bad\\x1b[0m\nworse").doesNotContain("\u001b");
  }

  @Test
  void rawJsonIsOneLineForEachPieceOfNews() {
    Display display = Displays.of("rawjson", out, Terminal.none(), Map.of());
    display.update(vertices(vertex("sha256:a", 0, 0.25, true, "")));
    display.update(log("sha256:a", 1, "x\n"));
    display.done();
    assertThat(shown())
        .isEqualTo(
            "{\"vertexes\":[{\"digest\":\"sha256:a\",\"name\":\"step sha256:a\","
                + "\"started\":\"2026-11-24T01:02:03Z\",\"completed\":\"2026-11-24T01:02:03.25Z\","
                + "\"cached\":true}]}\n"
                + "{\"logs\":[{\"vertex\":\"sha256:a\",\"stream\":1,\"data\":\"eAo=\","
                + "\"timestamp\":\"2026-11-24T01:02:04Z\"}]}\n");
  }

  @Test
  void modesAreChosenByNameAndEnvironment() {
    Displays.of("auto", out, Terminal.none(), Map.of("BUILDKIT_PROGRESS", "quiet"))
        .update(vertices(vertex("a", 0, 1, false, "")));
    assertThat(shown()).isEmpty();
    assertThatThrownBy(() -> Displays.of("tty", out, Terminal.none(), Map.of()))
        .hasMessageContaining("not a console");
    assertThatThrownBy(() -> Displays.of("nosuch", out, Terminal.none(), Map.of()))
        .hasMessage("invalid progress mode nosuch");
    assertThatThrownBy(() -> Displays.chosen("auto", Map.of("BUILDKIT_PROGRESS", "bogus")))
        .hasMessage("invalid progress mode bogus");
    assertThat(Settings.of(Map.of("BUILDKIT_COLORS", "run=cyan:error=255,0,0")).colors())
        .containsEntry("run", "\u001b[36m")
        .containsEntry("error", "\u001b[38;5;196m");
    assertThat(Settings.of(Map.of("NO_COLOR", "1")).colors()).isEmpty();
  }
}
