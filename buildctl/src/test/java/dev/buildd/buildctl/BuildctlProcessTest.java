package dev.buildd.buildctl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.Linux;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.trace.Span;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The program as users run it, against a daemon. */
@Tag("root")
@Timeout(120)
class BuildctlProcessTest {
  @TempDir static Path shared;
  private static Daemon daemon;

  @TempDir Path temp;

  /** What commands are started with besides. */
  private final Map<String, String> environment = new HashMap<>();

  @BeforeAll
  static void start() throws Exception {
    assertThat(Linux.stat(Path.of("/proc/self")).uid()).as("these tests need root").isZero();
    daemon = new Daemon(shared);
  }

  @AfterAll
  static void stop() throws Exception {
    if (daemon != null) {
      daemon.close();
    }
  }

  private record Ended(int status, byte[] output, String errors) {
    String text() {
      return new String(output, UTF_8);
    }
  }

  private Process start(byte[] input, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(Client.command());
    command.addAll(List.of("--addr", daemon.address()));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(temp.toFile())
            .redirectOutput(temp.resolve("stdout").toFile())
            .redirectError(temp.resolve("stderr").toFile());
    builder.environment().put("LC_ALL", "C.UTF-8");
    builder.environment().putAll(environment);
    Process process = builder.start();
    try (OutputStream to = process.getOutputStream()) {
      to.write(input);
    } catch (IOException e) {
      // it did not want to read
    }
    return process;
  }

  private Ended end(Process process) throws Exception {
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Ended(
        process.exitValue(),
        Files.readAllBytes(temp.resolve("stdout")),
        Files.readString(temp.resolve("stderr")));
  }

  private Ended run(byte[] input, String... arguments) throws Exception {
    return end(start(input, arguments));
  }

  private Ended run(String... arguments) throws Exception {
    return run(new byte[0], arguments);
  }

  private Ended build(State state, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("build", "--progress=plain"));
    all.addAll(List.of("--local", "rootfs=" + daemon.rootfs()));
    all.addAll(Arrays.asList(arguments));
    return run(definition(state), all.toArray(String[]::new));
  }

  private static byte[] definition(State state) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    state.marshal().writeTo(out);
    return out.toByteArray();
  }

  private static State base() {
    return Llb.scratch()
        .file(
            Llb.copy(Llb.local("rootfs"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly()));
  }

  private static State step(String script) {
    return base()
        .run(Llb.args("/bin/sh", "-c", script), Llb.addMount("/out", Llb.scratch()))
        .mount("/out");
  }

  /** Files of memory stand under {@code /dev} and are no devices. */
  @Test
  void definitionsAreReadFromAFileInMemory() throws Exception {
    Path memory = Files.createTempFile(Path.of("/dev/shm"), "definition", "");
    try {
      Files.write(memory, definition(Llb.scratch().file(Llb.mkfile("/f", 0644, "from memory"))));
      List<String> command = new ArrayList<>(Client.command());
      command.addAll(List.of("--addr", daemon.address(), "build", "--progress=plain"));
      command.addAll(List.of("--output", "type=local,dest=" + temp.resolve("out")));
      Process process =
          new ProcessBuilder(command)
              .redirectInput(memory.toFile())
              .redirectOutput(temp.resolve("stdout").toFile())
              .redirectError(temp.resolve("stderr").toFile())
              .start();
      Ended ended = end(process);
      assertThat(ended.status()).as(ended.errors()).isZero();
      assertThat(temp.resolve("out/f")).hasContent("from memory");
    } finally {
      Files.delete(memory);
    }
  }

  @Test
  void resultsComeBackAsFiles() throws Exception {
    Ended ended =
        build(
            step("echo hello | tee /dev/stderr > /out/greeting || echo hello > /out/greeting"),
            "--output",
            "type=local,dest=out");
    assertThat(ended.errors()).contains("exporting to client directory", " DONE ");
    assertThat(ended.status()).isZero();
    assertThat(temp.resolve("out/greeting")).hasContent("hello");
    assertThat(ended.output()).isEmpty();
  }

  @Test
  void dockerfilesAreBuilt() throws Exception {
    Path files = Files.createDirectories(temp.resolve("files"));
    Files.writeString(files.resolve("token"), "of a file");
    Files.writeString(
        files.resolve("Dockerfile"),
        """
        FROM scratch AS base
        COPY --from=rootfs / /
        FROM base
        ARG WHO=nobody
        RUN --mount=type=secret,id=token,env=TOKEN <<EOF
        echo "$WHO: $TOKEN" > /said
        EOF
        """);
    String[] flags = {
      "build",
      "--progress=plain",
      "--frontend=dockerfile.v0",
      "--local=context=" + files,
      "--local=dockerfile=" + files,
      "--local=rootfs=" + daemon.rootfs(),
      "--opt=context:rootfs=local:rootfs",
      "--opt=build-arg:WHO=you",
      "--secret=id=token,src=" + files.resolve("token"),
      "--output=type=local,dest=" + temp.resolve("made"),
    };
    Ended built = run(flags);
    assertThat(built.status()).as(built.errors()).isZero();
    assertThat(Files.readString(temp.resolve("made/said"))).isEqualTo("you: of a file\n");
    Files.writeString(files.resolve("Dockerfile"), "FROM scratch\nRUNN true\n");
    Ended failed = run(flags);
    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.errors())
        .contains(">>> RUNN true", "unknown instruction: RUNN (did you mean RUN?)");
  }

  @Test
  void stepsGetSecretsAndAgents() throws Exception {
    Files.writeString(temp.resolve("token"), "s3cret");
    Path key = temp.resolve("key");
    Process made =
        new ProcessBuilder("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.toString())
            .start();
    assertThat(made.waitFor()).isZero();
    State state =
        base()
            .run(
                Llb.args(
                    "/bin/sh",
                    "-ec",
                    "cat /run/secrets/file; echo; echo $LOCALE; echo $NAMED; echo $SSH_AUTH_SOCK;"
                        + " busybox test -S $SSH_AUTH_SOCK; busybox test -S /deploy"),
                Llb.addSecret("/run/secrets/file", Llb.secretId("file")),
                Llb.addSecret("LOCALE", Llb.secretId("locale"), Llb.secretAsEnv()),
                Llb.addSecret("NAMED", Llb.secretId("LC_ALL"), Llb.secretAsEnv()),
                Llb.addSshSocket(),
                Llb.addSshSocket(Llb.sshId("deploy"), Llb.sshTarget("/deploy")))
            .root();
    Ended ended =
        build(
            state,
            "--secret",
            "id=file,src=token",
            "--secret=id=locale,env=LC_ALL",
            "--secret",
            "id=LC_ALL",
            "--ssh",
            "default=" + key,
            "--ssh",
            "deploy=" + key + "," + key);
    assertThat(ended.status()).as(ended.errors()).isZero();
    assertThat(ended.errors())
        .containsSubsequence("s3cret\n", "C.UTF-8\n", "C.UTF-8\n", "/run/buildkit/ssh_agent.0\n");
  }

  @Test
  void aTarGoesToStandardOutput() throws Exception {
    Ended ended = build(step("echo hello > /out/greeting"), "--output", "type=tar");
    assertThat(ended.status()).as(ended.errors()).isZero();
    assertThat(ended.output().length % 512).isZero();
    assertThat(new String(ended.output(), 257, 5, UTF_8)).isEqualTo("ustar");
    assertThat(ended.text()).contains("greeting\0", "hello\n");
  }

  @Test
  void aBuildIsPartOfWhatItsCallerTraces() throws Exception {
    BlockingQueue<ExportTraceServiceRequest> received = new LinkedBlockingQueue<>();
    HttpServer collector =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    collector.createContext(
        "/v1/traces",
        exchange -> {
          received.add(ExportTraceServiceRequest.parseFrom(exchange.getRequestBody()));
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    collector.start();
    try {
      String trace = "0af7651916cd43dd8448eb211c80319c";
      environment.put("TRACEPARENT", "00-" + trace + "-b7ad6b7169203331-01");
      environment.put("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
      environment.put(
          "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:" + collector.getAddress().getPort());
      Ended failed = build(step("exit 4"));
      assertThat(failed.status()).isEqualTo(1);
      Span span =
          Objects.requireNonNull(received.poll(20, TimeUnit.SECONDS))
              .getResourceSpans(0)
              .getScopeSpans(0)
              .getSpans(0);
      HexFormat hex = HexFormat.of();
      assertThat(span.getName()).isEqualTo("build");
      assertThat(hex.formatHex(span.getTraceId().toByteArray())).isEqualTo(trace);
      assertThat(hex.formatHex(span.getParentSpanId().toByteArray())).isEqualTo("b7ad6b7169203331");
      assertThat(span.getStatus().getMessage()).contains("exit code: 4");
      // the daemon's spans are below it
      String daemons = run("debug", "logs", "--trace", lastRef()).text();
      assertThat(daemons)
          .contains(trace, "\"SpanID\":\"" + hex.formatHex(span.getSpanId().toByteArray()));
      // and the record has it too, once the daemon knows that all is told
      String own =
          "\"Name\":\"build\",\"SpanContext\":{\"TraceID\":\""
              + trace
              + "\",\"SpanID\":\""
              + hex.formatHex(span.getSpanId().toByteArray());
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (!daemons.contains(own)) {
        assertThat(System.nanoTime()).as(daemons).isLessThan(deadline);
        Thread.sleep(200);
        daemons = run("debug", "logs", "--trace", lastRef()).text();
      }
      environment.put("OTEL_TRACES_EXPORTER", "console");
      Ended unusable = build(step("true"));
      assertThat(unusable.status()).as(unusable.errors()).isZero();
      assertThat(unusable.errors()).contains("warning: no traces: OTEL_TRACES_EXPORTER is otlp");
    } finally {
      collector.stop(0);
    }
  }

  @Test
  void cacheMetricsAreCounted() throws Exception {
    State state = step("echo counted > /out/it");
    assertThat(build(state, "--no-cache").status()).isZero();
    Path file = temp.resolve("metrics");
    Ended cached = build(state, "--debug-json-cache-metrics", file.toString());
    assertThat(cached.status()).as(cached.errors()).isZero();
    String[] lines = Files.readString(file).split("\n");
    Map<String, Object> counts =
        Json.parseObject(lines[lines.length - 1].getBytes(UTF_8), "counts");
    assertThat(Json.number(counts, "user_cached")).isPositive();
    assertThat(Json.number(counts, "user_completed")).isEqualTo(Json.number(counts, "user_total"));
    assertThat(Json.number(counts, "miss")).isEqualTo(lines.length - 1L);
    assertThat(Json.number(counts, "client_duration_ms")).isPositive();
    Ended failed = build(step("echo none >&2; exit 3"), "--debug-json-cache-metrics=stdout");
    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.text()).containsPattern("(?m)^cache miss: .*exit 3").contains("\"total\":");
    Ended nowhere = build(state, "--debug-json-cache-metrics=/nowhere/file");
    assertThat(nowhere.errors()).startsWith("error: /nowhere/file");
  }

  @Test
  void usageIsListedAndPruned() throws Exception {
    assertThat(build(step("seq 1 10 > /out/numbers")).status()).isZero();
    String[] lines = run("du").text().split("\n");
    assertThat(lines[0]).matches("ID\t+RECLAIMABLE\tSIZE\tLAST ACCESSED");
    assertThat(Arrays.copyOfRange(lines, 1, lines.length - 2))
        .isNotEmpty()
        .allMatch(line -> line.matches("[a-z0-9]{25}\\*? +\ttrue +\t[0-9.]+k?M?B\t"));
    assertThat(lines[lines.length - 2]).startsWith("Reclaimable:\t");
    assertThat(lines[lines.length - 1]).startsWith("Total:\t\t");

    assertThat(run("du", "-v", "--filter", "description~=\"mount /out from.*numbers\"").text())
        .matches(
            """
            ID:\t\t[a-z0-9]{25}
            Created at:\t[-0-9]{10} [0-9:.]+ \\+0000 UTC
            Mutable:\tfalse
            Reclaimable:\ttrue
            Shared:\t\tfalse
            Size:\t\t[0-9.]+k?B
            Description:\tmount /out from exec /bin/sh -c seq 1 10 > /out/numbers
            Usage count:\t[0-9]+
            Last used:\t[-0-9]{10} [0-9:.]+ \\+0000 UTC
            Type:\t\tregular

            """);

    Ended dry = run("prune", "--dry-run", "--filter", "description~=numbers");
    assertThat(dry.status()).as(dry.errors()).isZero();
    assertThat(dry.text())
        .startsWith("ID\t")
        .contains("\nKEPT")
        .containsPattern("\n[a-z0-9]{25}\t[0-9.]+k?M?B\t+no filter matches\n")
        .contains("Total:\t");
    assertThat(run("du", "--filter", "description~=numbers", "--format", "{{json .}}").text())
        .startsWith("[{");

    Ended pruned = run("prune", "--filter", "description~=numbers");
    assertThat(pruned.status()).as(pruned.errors()).isZero();
    assertThat(pruned.text()).startsWith("ID\t").contains("\ttrue ").contains("Total:\t");
    assertThat(run("du", "--filter", "description~=numbers", "--format", "{{json .}}").text())
        .isIn("[]\n", "null\n");
  }

  @Test
  void aStepThatFailsFailsTheProgram() throws Exception {
    Ended ended = build(step("echo before; exit 7"));
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.errors())
        .contains(" before\n")
        .contains(
            "error: failed to solve: process \"/bin/sh -c echo before; exit 7\" did not complete"
                + " successfully: exit code: 7\n");
  }

  @Test
  void imagesComeFromLayouts() throws Exception {
    Ended exported = build(step("echo laid out > /out/f"), "--output=type=oci,tar=false,dest=laid");
    assertThat(exported.status()).as(exported.errors()).isZero();
    Map<String, Object> index =
        Json.parseObject(Files.readAllBytes(temp.resolve("laid/index.json")), "index");
    String digest = Json.text(Json.objects(index, "manifests").getFirst(), "digest");
    State image = Llb.ociLayout("laid@" + digest, Llb.ociStore("", "app"));
    Ended ended = build(image, "--oci-layout", "app=laid", "--output", "type=local,dest=out");
    assertThat(ended.status()).as(ended.errors()).isZero();
    assertThat(temp.resolve("out/f")).hasContent("laid out");

    assertThat(build(image, "--oci-layout", "laid").errors())
        .contains(
            "error: invalid oci-layout: oci-layout option must be 'id=path/to/layout', instead had"
                + " invalid laid\n");
    assertThat(build(image, "--oci-layout", "app=absent").errors())
        .contains(
            "error: invalid oci-layout: oci-layout context at absent failed to initialize: not a"
                + " directory\n");
  }

  @Test
  void whatWasBuiltIsWrittenDown() throws Exception {
    Ended ended =
        build(
            step("echo traced"),
            "--ref-file=ref",
            "--trace=trace",
            "--metadata-file=metadata",
            "--output=type=local,dest=out");
    assertThat(ended.status()).as(ended.errors()).isZero();
    assertThat(Files.readString(temp.resolve("ref"))).matches("[a-z0-9]{25}");
    assertThat(ended.errors()).startsWith("tracing logs to trace\n");
    List<String> trace = Files.readAllLines(temp.resolve("trace"));
    assertThat(trace)
        .isNotEmpty()
        .allMatch(line -> line.startsWith("{\"") && line.endsWith("}"))
        .anyMatch(line -> line.contains("\"vertexes\":[{\"digest\":\"sha256:"))
        .anyMatch(line -> line.contains("\"name\":\"/bin/sh -c echo traced\""))
        .anyMatch(line -> line.contains("\"logs\":["));
    assertThat(temp.resolve("metadata")).as("a directory has none, as in BuildKit").doesNotExist();
  }

  @Test
  void standardStreamsCarryCallsToTheDaemon() throws Exception {
    Path socket = temp.resolve("proxy");
    Process proxy;
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      List<String> command = new ArrayList<>(Client.command());
      command.addAll(List.of("--addr", daemon.address(), "dial-stdio"));
      proxy = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      Process started = proxy;
      Thread.ofPlatform().daemon().start(() -> serve(server, started));
      try (BuildClient client =
          BuildClient.connect(
              new ConnectOptions("unix://" + socket, Optional.empty(), Duration.ofSeconds(20)))) {
        assertThat(client.workers(List.of()))
            .singleElement()
            .satisfies(worker -> assertThat(worker.labels()).isNotEmpty());
      }
    }
    assertThat(proxy.waitFor(20, TimeUnit.SECONDS)).as("ends with the connection").isTrue();
    assertThat(proxy.exitValue()).isZero();
  }

  private static void serve(ServerSocketChannel server, Process proxy) {
    try (SocketChannel connection = server.accept();
        OutputStream toProxy = proxy.getOutputStream()) {
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try {
              copy(proxy.getInputStream(), Channels.newOutputStream(connection));
            } catch (IOException e) {
              // the client is gone
            }
          });
      copy(Channels.newInputStream(connection), toProxy);
    } catch (IOException e) {
      // the client is gone
    }
  }

  private static void copy(InputStream from, OutputStream to) throws IOException {
    byte[] buffer = new byte[8192];
    for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
      to.write(buffer, 0, n);
      to.flush();
    }
  }

  @Test
  void anInterruptEndsTheProgramAndTheStep() throws Exception {
    String seconds = "7" + Math.floorMod(UUID.randomUUID().hashCode(), 100_000);
    State endless = step("echo started; sleep " + seconds);
    Process process =
        start(
            definition(endless),
            "build",
            "--progress=plain",
            "--local",
            "rootfs=" + daemon.rootfs());
    await("the step runs", () -> Daemon.processesOf("sleep " + seconds) == 1);
    await("its output is shown", () -> stderr().contains(" started\n"));
    assertThat(new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor())
        .isZero();
    Ended ended = end(process);
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.errors()).contains("CANCELED").endsWith(": context canceled\n");
    await("the step ended", () -> Daemon.processesOf("sleep " + seconds) == 0);
  }

  private String stderr() {
    try {
      return Files.readString(temp.resolve("stderr"));
    } catch (IOException e) {
      return "";
    }
  }

  private static void await(String what, java.util.function.BooleanSupplier condition)
      throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  @Test
  void aDaemonThatIsNotThereIsNamed() throws Exception {
    Ended ended = run("--addr", "unix://" + temp.resolve("none"), "debug", "workers");
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.errors())
        .startsWith("error: ")
        .contains("unix://" + temp.resolve("none"), "no such file or directory")
        .hasLineCount(1);
  }

  @Test
  void recordsAndDefinitionsAreDumped() throws Exception {
    State step = step("echo dumped > /out/dumped");
    assertThat(build(step).status()).isZero();
    Ended records = run("debug", "dump-metadata", "--root", shared.resolve("root").toString());
    assertThat(records.errors()).isEmpty();
    assertThat(records.text())
        .startsWith("===== " + shared.resolve("root/metadata") + " =====\nbucket ")
        .contains("echo dumped");

    Ended steps = run(definition(step), "debug", "dump-llb");
    assertThat(steps.errors()).isEmpty();
    assertThat(steps.text().lines())
        .hasSize(4)
        .anyMatch(line -> line.contains("\"args\":[\"/bin/sh\",\"-c\",\"echo dumped"))
        .anyMatch(line -> line.contains("\"identifier\":\"local://rootfs\""))
        .anyMatch(line -> line.contains("\"OpMetadata\":{\"caps\":{\"exec.meta.base\":true"));
  }

  @Test
  void progressIsAsWideAsTheTerminal() throws Exception {
    Path definition =
        Files.write(temp.resolve("def"), definition(step("echo " + "wide ".repeat(20))));
    String command =
        "stty rows 20 cols 50; exec "
            + String.join(" ", Client.command("--addr", daemon.address(), "build"))
            + " --local rootfs="
            + daemon.rootfs()
            + " < "
            + definition;
    Process process =
        new ProcessBuilder("script", "--quiet", "--return", "--command", command, "/dev/null")
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String shown = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(shown).isZero();
    assertThat(shown.replaceAll("\u001b\\[[0-9;?]*[A-Za-z]", "").lines())
        .anyMatch(line -> line.contains(" => /bin/sh -c echo wide wide"))
        .allMatch(line -> line.length() <= 50);
  }

  @Test
  void itEndsOnceItHasAnswered() throws Exception {
    long start = System.nanoTime();
    assertThat(run("debug", "workers").text()).startsWith("ID").contains("linux/");
    assertThat(Duration.ofNanos(System.nanoTime() - start))
        .as("15 s were a network loop that nobody ended")
        .isLessThan(Duration.ofSeconds(10));
  }

  private Ended info(String address, String... tls) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("--timeout", "2", "--addr", address));
    arguments.addAll(List.of(tls));
    arguments.addAll(List.of("debug", "info"));
    return run(arguments.toArray(String[]::new));
  }

  @Test
  void certificatesOfBothEndsAreShownAndChecked() throws Exception {
    Path files = Files.createDirectory(temp.resolve("tls"));
    String ca = files.resolve("ca.pem").toString();
    String certificate = files.resolve("cert.pem").toString();
    String key = files.resolve("key.pem").toString();
    String old = files.resolve("sec1.pem").toString();
    try (TlsEnd end = new TlsEnd(files)) {
      String address = end.address("localhost");
      Ended shown = info(address, "--tlscacert", ca, "--tlscert", certificate, "--tlskey", key);
      assertThat(shown.errors()).isEmpty();
      assertThat(shown.text()).contains(TlsEnd.VERSION);
      assertThat(info(address, "--tlscacert", ca, "--tlscert", certificate, "--tlskey", old).text())
          .contains(TlsEnd.VERSION);
      assertThat(info(address, "--tlsdir", files.toString()).text()).contains(TlsEnd.VERSION);

      String other = end.address("127.0.0.1");
      assertThat(info(other, "--tlsdir", files.toString()).status()).isEqualTo(1);
      assertThat(info(other, "--tlsdir", files.toString(), "--tlsservername", "localhost").text())
          .contains(TlsEnd.VERSION);

      for (Ended refused :
          List.of(
              info(address),
              info(address, "--tlscacert", ca),
              info(address, "--tlscacert", certificate, "--tlscert", certificate, "--tlskey", key),
              info(address, "--tlscert", certificate, "--tlskey", key))) {
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.errors()).startsWith("error: failed to connect to " + address);
      }
    }
  }

  @Test
  void certificatesThatCannotBeUsedAreNamed() throws Exception {
    String address = "tcp://localhost:1";
    String none = temp.resolve("none").toString();
    assertThat(info(address, "--tlsdir", temp.toString()).errors())
        .contains("directory did not contain one of the needed files: ca.pem or ca.crt");
    assertThat(info(address, "--tlsdir", temp.toString(), "--tlscacert", none).errors())
        .contains("cannot specify tlsdir and tlscacert/tlscert/tlskey at the same time");
    assertThat(info(address, "--tlscert", none).errors())
        .contains("tlscert and tlskey must be specified together");
    assertThat(info(address, "--tlscacert", none).errors())
        .contains("could not read ca certificate: " + none);
    assertThat(info(address, "--tlscert", none, "--tlskey", none).errors()).contains(none);
  }

  @Test
  void inputThatIsNoDefinitionIsRefused() throws Exception {
    Ended garbage = run("no definition, this".getBytes(UTF_8), "build");
    assertThat(garbage.status()).isEqualTo(1);
    assertThat(garbage.errors()).startsWith("error: failed to parse input: ").hasLineCount(1);
    Ended empty = run("build");
    assertThat(empty.status()).isEqualTo(1);
    assertThat(empty.errors())
        .isEqualTo("error: empty definition sent to build. Specify --frontend instead?\n");
    byte[] whole = definition(step("echo cut"));
    Ended cut = run(Arrays.copyOf(whole, whole.length - 3), "build");
    assertThat(cut.status()).isEqualTo(1);
    assertThat(cut.errors()).startsWith("error: failed to parse input: ").hasLineCount(1);
  }

  @Test
  void theWholeLogIsThereThoughItWasClipped() throws Exception {
    Ended build = build(step("seq 1 1000000; echo x > /out/x"), "--no-cache");
    assertThat(build.errors()).contains("[output clipped, log limit ", "reached]");
    String log = run("debug", "logs", "--progress=rawjson", lastRef()).text();
    StringBuilder said = new StringBuilder();
    Matcher lines = Pattern.compile("\"data\":\"([A-Za-z0-9+/=]*)\"").matcher(log);
    while (lines.find()) {
      said.append(new String(Base64.getDecoder().decode(lines.group(1)), UTF_8));
    }
    assertThat(said.toString().lines().toList())
        .isEqualTo(IntStream.rangeClosed(1, 1_000_000).mapToObj(Integer::toString).toList());
  }

  @Test
  void buildsThatRanAreLookedAtPinnedAndForgotten() throws Exception {
    assertThat(build(step("echo to be read again; echo x > /out/x"), "--no-cache").status())
        .isZero();
    String ref = lastRef();
    assertThat(run("debug", "histories", "--filter=ref==" + ref).text())
        .contains("TYPE", "PINNED", "COMPLETE", ref);
    assertThat(run("debug", "logs", "--progress=plain", ref).text())
        .contains("to be read again", "DONE");
    assertThat(run("debug", "logs", "--trace", ref).text()).contains("\"Name\":\"build\"");
    assertThat(run("debug", "logs", "none").errors()).contains("no such job none");
    String monitored = monitored(ref);
    assertThat(monitored).contains("event: COMPLETE ref:" + ref, "  logs: media_type:");
    String digest = monitored.replaceAll("(?s).*trace: [^\n]*digest:\"([a-z0-9:]+)\".*", "$1");
    assertThat(run("debug", "get", digest).text()).contains("\"Name\":\"build\"");
    assertThat(run("debug", "ctl", ref).errors()).contains("one of --pin, --unpin, --delete");
    assertThat(run("debug", "ctl", "--pin", ref).status()).isZero();
    assertThat(run("prune-histories").status()).isZero();
    assertThat(run("debug", "histories").text()).contains(ref, "*");
    assertThat(run("debug", "ctl", "--delete", ref).status()).isZero();
    assertThat(run("debug", "histories").text()).doesNotContain(ref);
  }

  @Test
  void stepsAreExplained() throws Exception {
    assertThat(build(step("echo a > /out/x # explained")).status()).isZero();
    Ended told =
        build(step("echo b > /out/x # explained"), "--opt", "build-arg:BUILDKIT_EXPLAIN=1");
    String why = "argument 2: \"echo a > /out/x # explained\" → \"echo b > /out/x # explained\"";
    assertThat(told.errors()).contains("why: " + why);
    assertThat(run("debug", "explain").text())
        .contains("ran  /bin/sh -c echo b > /out/x # explained", "        " + why, "since build ");
    String ref = lastRef();
    assertThat(run("debug", "explain", "--json", ref, "echo b").text())
        .contains("\"kind\":\"changed\"");
    assertThat(run("debug", "explain", ref, "no such step").errors())
        .contains("no step that ran or was found in the cache is named \"no such step\"");
    assertThat(run("debug", "explain", "nobody").errors())
        .contains("build nobody is not in the history");
  }

  @Test
  void aDryRunTellsWhatWouldRunAndRunsNothing() throws Exception {
    State first =
        base().run(Llb.args("/bin/sh", "-c", "echo 1 > /dry"), Llb.customName("first")).root();
    State before =
        first.run(Llb.args("/bin/sh", "-c", "cat /dry # a"), Llb.customName("second")).root();
    assertThat(build(before).status()).isZero();
    State now =
        first
            .run(Llb.args("/bin/sh", "-c", "cat /dry # b"), Llb.customName("second"))
            .root()
            .run(Llb.args("/bin/sh", "-c", "true # dry"), Llb.customName("third"))
            .root();
    for (int i = 0; i < 2; i++) { // the second time nothing is different: nothing ran
      Ended told = build(now, "--dry-run", "--output=type=local,dest=dry");
      assertThat(told.status()).as(told.errors()).isZero();
      assertThat(told.text())
          .contains("cached  first\n")
          .contains("would run  second\n        argument 2: \"cat /dry # a\" → \"cat /dry # b\"\n")
          .contains("would run  third\n        its input second would run, and may come out as");
      assertThat(temp.resolve("dry")).doesNotExist();
    }
    assertThat(build(now).errors()).contains("second", "third");
    assertThat(build(now, "--dry-run").text()).contains("cached  third").doesNotContain("would");
  }

  private String lastRef() throws Exception {
    return run("debug", "histories", "--limit=1", "--format={{json .}}")
        .text()
        .replaceAll("(?s).*\"Ref\":\"([a-z0-9]+)\".*", "$1");
  }

  /** What {@code debug monitor} prints of a build that has ended; it goes on until it is ended. */
  private String monitored(String ref) throws Exception {
    Process monitor = start(new byte[0], "debug", "monitor", "--completed", "--ref=" + ref);
    try {
      for (int tries = 0; tries < 300; tries++) {
        String text = Files.readString(temp.resolve("stdout"));
        if (text.contains("trace:")) {
          return text;
        }
        Thread.sleep(100);
      }
      throw new AssertionError("nothing is told of " + ref);
    } finally {
      monitor.destroy();
      monitor.waitFor();
    }
  }
}
