package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * docker-buildx as users have it, with its remote driver on a daemon or with another. The program
 * is the one that {@code hack/buildx.sh} fetches.
 */
final class Buildx {
  private static final Path PROGRAM = Path.of("../.tools/docker-buildx").toAbsolutePath();
  private static final String BUILDER = "ours";

  private final Path directory;
  private final Map<String, String> environment;

  /** What a run said, and with what it ended. */
  record Outcome(int code, String out) {}

  /**
   * @param directory in which it runs; its home is in there too
   */
  Buildx(Path directory, String address, Map<String, String> environment) throws Exception {
    this(directory, environment, List.of("--driver", "remote", address));
  }

  /**
   * @param directory in which it runs; its home is in there too
   * @param builder what {@code buildx create} is told of its builder
   */
  Buildx(Path directory, Map<String, String> environment, List<String> builder) throws Exception {
    assertThat(PROGRAM).as("hack/buildx.sh fetches it").isExecutable();
    this.directory = directory;
    this.environment = environment;
    List<String> create = new ArrayList<>(List.of("create", "--name", BUILDER));
    create.addAll(builder);
    ok(create.toArray(new String[0]));
  }

  private Process start(List<String> command) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true);
    builder.environment().putAll(environment);
    builder.environment().put("HOME", directory.resolve("home").toString());
    builder.environment().put("BUILDX_BUILDER", BUILDER);
    builder.environment().put("BUILDX_EXPERIMENTAL", "1");
    builder.environment().put("NO_COLOR", "1");
    return builder.start();
  }

  Outcome run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(PROGRAM.toString()));
    command.addAll(List.of(arguments));
    Process process = start(command);
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    return new Outcome(process.waitFor(), out);
  }

  /** What a run says that succeeds. */
  String ok(String... arguments) throws IOException, InterruptedException {
    Outcome outcome = run(arguments);
    assertThat(outcome.code()).as(String.join(" ", arguments) + "\n" + outcome.out()).isZero();
    return outcome.out();
  }

  /** Builds a Dockerfile, given as its text; the context is {@code ctx}. */
  Outcome build(String dockerfile, String... flags) throws IOException, InterruptedException {
    Path file = Files.createTempFile(directory, "Dockerfile", "");
    Files.writeString(file, dockerfile);
    List<String> all = new ArrayList<>(List.of("build", "--progress=plain", "-f", file.toString()));
    all.addAll(List.of(flags));
    all.add("ctx");
    return run(all.toArray(new String[0]));
  }

  String built(String dockerfile, String... flags) throws IOException, InterruptedException {
    Outcome outcome = build(dockerfile, flags);
    assertThat(outcome.code()).as(outcome.out()).isZero();
    return outcome.out();
  }

  /** Runs it in a terminal, in which somebody types. */
  Terminal terminal(String... arguments) throws IOException {
    String command = PROGRAM + " " + String.join(" ", arguments);
    return new Terminal(start(List.of("script", "-qec", command, "/dev/null")));
  }

  /** A terminal and what it shows. */
  static final class Terminal implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Process process;
    private final StringWriter shown = new StringWriter(); // is written and read at once
    private final Thread reader;
    private int seen;

    private Terminal(Process process) {
      this.process = process;
      this.reader = Thread.ofVirtual().start(this::read);
    }

    private void read() {
      try (InputStreamReader in = new InputStreamReader(process.getInputStream(), UTF_8)) {
        char[] some = new char[1024];
        for (int count = in.read(some); count >= 0; count = in.read(some)) {
          shown.write(some, 0, count);
        }
      } catch (IOException e) {
        shown.write(e.toString());
      }
    }

    /** Waits until it shows a text, after what was waited for before. */
    void await(String text) throws InterruptedException {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (shown.toString().indexOf(text, seen) < 0) {
        assertThat(System.nanoTime()).as("shown so far:\n" + shown).isLessThan(deadline);
        Thread.sleep(20);
      }
      seen = shown.toString().indexOf(text, seen) + text.length();
    }

    void type(String line) throws IOException {
      process.getOutputStream().write((line + "\n").getBytes(UTF_8));
      process.getOutputStream().flush();
    }

    /** Waits until the program ends; gives all that was shown. */
    String end() throws InterruptedException {
      assertThat(process.waitFor(PATIENCE)).as("shown so far:\n" + shown).isTrue();
      reader.join();
      return shown.toString();
    }

    @Override
    public void close() {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
