package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.json.Json;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Signals;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.llb.Definition;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.io.IOException;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * What tests share: a daemon in a process of its own, and a root filesystem of busybox's. The
 * daemon is the program that the environment's {@code BUILDD_PROGRAM} names, as {@code make test}
 * does with the one that it has just built; else the classes that are tested, without an AOT cache.
 */
final class Machine implements AutoCloseable {
  private static final List<String> APPLETS =
      List.of("sh", "cat", "echo", "sleep", "true", "false", "mkdir", "rm", "ls", "id", "seq");

  private final Path directory;
  private final List<String> flags;
  private final List<String> jvmOptions;
  private final Map<String, String> environment;
  private Process process;

  Machine(Path directory, String... flags) throws Exception {
    this(directory, List.of(), flags);
  }

  /** A daemon whose JVM has these options besides those it is shipped with. */
  Machine(Path directory, List<String> jvmOptions, String... flags) throws Exception {
    this(directory, jvmOptions, Map.of(), flags);
  }

  /** A daemon that finds these variables in its environment besides those of the test. */
  Machine(Path directory, List<String> jvmOptions, Map<String, String> environment, String... flags)
      throws Exception {
    this.directory = directory;
    this.environment = Map.copyOf(environment);
    this.jvmOptions = jvmOptions;
    this.flags = List.of(flags);
    this.process = start();
  }

  static Path busybox(Path directory) throws IOException {
    Path bin = Files.createDirectories(directory.resolve("rootfs/bin"));
    Path binary = Path.of("/bin/busybox");
    assertThat(binary).as("Debian's busybox-static is needed").exists();
    Files.copy(binary, bin.resolve("busybox"), StandardCopyOption.REPLACE_EXISTING);
    for (String applet : APPLETS) {
      Path link = bin.resolve(applet);
      if (!Files.exists(link)) {
        Files.createSymbolicLink(link, Path.of("busybox"));
      }
    }
    return directory.resolve("rootfs");
  }

  /** A state with busybox in it, from the client's directory {@code rootfs}. */
  static State base() {
    return Llb.scratch()
        .file(
            Llb.copy(Llb.local("rootfs"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly()));
  }

  String address() {
    return "unix://" + socket();
  }

  private Path socket() {
    return directory.resolve("buildd.sock");
  }

  private Path debugSocket() {
    return directory.resolve("debug.sock");
  }

  Path root() {
    return directory.resolve("root");
  }

  /** What starts a daemon, without its flags. */
  static List<String> program(List<String> jvmOptions) {
    List<String> command = new ArrayList<>();
    String program = System.getenv("BUILDD_PROGRAM");
    if (program != null) {
      command.add(program);
    } else {
      command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
      command.addAll(
          jvmOptions.isEmpty()
              ? List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
              : jvmOptions);
      command.addAll(
          List.of(
              "--enable-native-access=ALL-UNNAMED",
              "-cp",
              System.getProperty("java.class.path"),
              Main.class.getName()));
    }
    return command;
  }

  private Process start() throws Exception {
    List<String> command = new ArrayList<>(program(jvmOptions));
    command.addAll(
        List.of(
            "--root",
            root().toString(),
            "--addr",
            address(),
            "--debugaddr",
            "unix://" + debugSocket(),
            "--debug"));
    command.addAll(flags);
    Files.deleteIfExists(socket());
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()));
    builder.environment().putAll(environment);
    builder.environment().put("BUILDD_JAVA_OPTIONS", String.join(" ", jvmOptions));
    Process started = builder.start();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!Files.exists(socket())) {
      if (!started.isAlive() || System.nanoTime() > deadline) {
        throw new AssertionError(
            "the daemon does not start:\n" + Files.readString(directory.resolve("log")));
      }
      Thread.sleep(20);
    }
    return started;
  }

  BuildClient client() throws Exception {
    return BuildClient.connect(
        new ConnectOptions(address(), Optional.empty(), Duration.ofSeconds(10)));
  }

  Process process() {
    return process;
  }

  /** Sends the daemon a signal, named without {@code SIG}. */
  void signal(String name) throws IOException {
    Linux.kill((int) process.pid(), Signals.number(name).orElseThrow());
  }

  /** What the daemon has said so far. */
  String log() throws IOException {
    return Files.readString(directory.resolve("log"));
  }

  /** Waits until the daemon has said something. */
  void awaitLog(String text) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!log().contains(text)) {
      assertThat(System.nanoTime()).as("%s is in\n%s", text, log()).isLessThan(deadline);
      Thread.sleep(50);
    }
  }

  /** Ends the daemon as a power cut would, as far as a process can. */
  void kill() throws Exception {
    process.destroyForcibly();
    process.waitFor();
  }

  void restart() throws Exception {
    process = start();
  }

  /** Ends the daemon as a service manager does, and gives its exit code. */
  int stop() throws Exception {
    process.destroy();
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("the daemon ends").isTrue();
    return process.exitValue();
  }

  SolveOptions options() {
    return SolveOptions.defaults().withLocalDir("rootfs", directory.resolve("rootfs"));
  }

  /** Builds into a directory; returns the names of the steps that ran, not those cached. */
  Set<String> build(BuildClient client, State state, Path out) throws Exception {
    Definition definition = state.marshal();
    Set<String> ran = new HashSet<>();
    client.solve(
        Optional.of(definition),
        options().withExports(SolveOptions.Export.local(out)),
        status -> noteRuns(status, ran));
    return ran;
  }

  /** Builds and exports; returns what the exporter says. */
  Map<String, String> export(State state, SolveOptions.Export export) throws Exception {
    try (BuildClient client = client()) {
      return client
          .solve(Optional.of(state.marshal()), options().withExports(export), status -> {})
          .exporterResponse();
    }
  }

  static void noteRuns(SolveStatus status, Set<String> ran) {
    for (SolveStatus.Vertex vertex : status.vertexes()) {
      if (vertex.completed().isPresent() && !vertex.cached() && vertex.error().isEmpty()) {
        ran.add(vertex.name());
      }
    }
  }

  /** Mounts below the daemon's root. */
  List<String> mounts() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/mountinfo"))) {
      return lines.filter(line -> line.contains(" " + root() + "/")).toList();
    }
  }

  /** Open descriptors of the daemon, but for the store's tables, which grow in number with it. */
  long descriptors() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
      return open.filter(descriptor -> !isTable(descriptor)).count();
    }
  }

  private static boolean isTable(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().endsWith(".sst");
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  /** Processes that run below the daemon. */
  long children() {
    return process.descendants().count();
  }

  /**
   * Threads of the daemon: platform threads, those aside that only wait in a pool for their next
   * work, of which a pool has more or fewer as it was needed lately; virtual threads, each of them
   * somebody's work; and the pools, so that one that is lost counts even when it idles (none are
   * told of by an executable).
   */
  record ThreadCounts(long platform, long virtual, long pools) {}

  ThreadCounts threads() throws Exception {
    return Files.readSymbolicLink(Path.of("/proc/" + process.pid() + "/exe")).endsWith("java")
        ? threadsOfJvm()
        : threadsOfExecutable();
  }

  private ThreadCounts threadsOfExecutable() throws IOException {
    long platform = 0;
    long virtual = 0;
    for (String thread : debugPage("/debug/threads").split("\n\n", -1)) {
      String head = thread.lines().findFirst().orElse("");
      if (head.contains("\" virtual ")) {
        virtual++;
      } else if (!head.isEmpty() && thread.lines().noneMatch(Machine::isWaitForWork)) {
        platform++;
      }
    }
    return new ThreadCounts(platform, virtual, 0);
  }

  private ThreadCounts threadsOfJvm() throws Exception {
    Path dump = directory.resolve("threads.json");
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin/jcmd").toString(),
                Long.toString(process.pid()),
                "Thread.dump_to_file",
                "-format=json",
                "-overwrite",
                dump.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(jcmd.waitFor()).as(output).isZero();
    long platform = 0;
    long virtual = 0;
    List<Map<String, Object>> containers =
        Json.objects(
            Json.object(Json.parseObject(Files.readAllBytes(dump), "thread dump"), "threadDump"),
            "threadContainers");
    for (Map<String, Object> container : containers) {
      for (Map<String, Object> thread : Json.objects(container, "threads")) {
        if (Boolean.TRUE.equals(thread.get("virtual"))) {
          virtual++;
        } else if (Json.texts(thread, "stack").stream().noneMatch(Machine::isWaitForWork)) {
          platform++;
        }
      }
    }
    return new ThreadCounts(platform, virtual, containers.size());
  }

  private static boolean isWaitForWork(String frame) {
    return frame.contains("ThreadPoolExecutor.getTask(")
        || frame.contains("ForkJoinPool.awaitWork(");
  }

  /** What the daemon itself tells of what it holds, by name. */
  Map<String, Object> figures() throws IOException {
    byte[] page = debugPage("/debug/vars").getBytes(StandardCharsets.US_ASCII);
    return Json.parseObject(page, "figures");
  }

  /** A page of the debug server. */
  String debugPage(String path) throws IOException {
    return debug("GET", path).text();
  }

  /**
   * An answer of the debug server.
   *
   * @param head its lines, the status first
   */
  record DebugAnswer(String head, byte[] body) {
    int status() {
      return Integer.parseInt(head.split(" ", 3)[1]);
    }

    String text() {
      return new String(body, StandardCharsets.UTF_8);
    }
  }

  /** Asks the debug server, with further lines of the request's head. */
  DebugAnswer debug(String method, String path, String... headers) throws IOException {
    return post(method, path, new byte[0], headers);
  }

  /** As {@link #debug}, with something to take. */
  DebugAnswer post(String method, String path, byte[] body, String... headers) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(debugSocket()))) {
      StringBuilder request =
          new StringBuilder(method + " " + path + " HTTP/1.1\r\nHost: buildd\r\n");
      for (String header : headers) {
        request.append(header).append("\r\n");
      }
      if (body.length > 0) {
        request.append("Content-Length: ").append(body.length).append("\r\n");
      }
      OutputStream out = Channels.newOutputStream(channel);
      out.write(request.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
      out.write(body);
      byte[] response = Channels.newInputStream(channel).readAllBytes();
      int end = new String(response, StandardCharsets.ISO_8859_1).indexOf("\r\n\r\n");
      return new DebugAnswer(
          new String(response, 0, end, StandardCharsets.ISO_8859_1),
          Arrays.copyOfRange(response, end + 4, response.length));
    }
  }

  static boolean isRoot() throws IOException {
    return Linux.stat(Path.of("/proc/self")).uid() == 0;
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      process.destroy();
      try {
        if (!process.waitFor(20, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
