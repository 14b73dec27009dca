package dev.buildd.worker.runc;

import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The runc command with a state directory of its own. */
final class Runc {
  private static final Logger log = LoggerFactory.getLogger(Runc.class);

  /** What runc would pass on to containers: the daemon's own way to speak of itself. */
  private static final List<String> SERVICE_MANAGERS =
      List.of(
          "NOTIFY_SOCKET",
          "WATCHDOG_USEC",
          "WATCHDOG_PID",
          "LISTEN_FDS",
          "LISTEN_PID",
          "LISTEN_FDNAMES");

  private static final int SIGKILL = 9;
  private static final long POLL_MILLIS = 5;
  private static final long START_PATIENCE_MILLIS = 500;
  private static final long DELETE_PATIENCE_SECONDS = 20;

  private final Path binary;
  private final Path state;

  Runc(Path binary, Path state) {
    this.binary = binary;
    this.state = state;
  }

  Path state() {
    return state;
  }

  /**
   * How a command of runc that stays in the foreground is connected.
   *
   * @param input whether something is written to its standard input
   * @param terminal what is its standard error, if the process is to have a terminal: runc makes
   *     the process's own terminal, and passes on the size of the one that it finds itself on. One
   *     of its streams is enough for that, and the one that is only written to never becomes the
   *     daemon's controlling terminal
   */
  record Streams(boolean input, Optional<Path> terminal) {}

  /**
   * A container's process in the foreground: the command ends when it ends, with its exit code. The
   * container stays known, and its cgroup with what it tells of the end, until {@link #forget}.
   */
  Process start(Path bundle, String id, Streams streams) throws IOException {
    return start(
        streams,
        command(
            "--log",
            bundle.resolve("log.json").toString(),
            "--log-format",
            "json",
            "run",
            "--keep",
            "--bundle",
            bundle.toString(),
            "--pid-file",
            pidFile(bundle).toString(),
            id));
  }

  /**
   * A further process of a container in the foreground.
   *
   * @param pidFile is there once the process is
   */
  Process exec(Path bundle, String id, Path process, Path pidFile, Streams streams)
      throws IOException {
    return start(
        streams,
        command(
            "--log",
            bundle.resolve("log.json").toString(),
            "--log-format",
            "json",
            "exec",
            "--process",
            process.toString(),
            "--pid-file",
            pidFile.toString(),
            id));
  }

  private static Process start(Streams streams, List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    if (!streams.input()) {
      builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    }
    streams.terminal().ifPresent(path -> builder.redirectError(path.toFile()));
    SERVICE_MANAGERS.forEach(builder.environment()::remove);
    return builder.start();
  }

  private List<String> command(String... arguments) {
    List<String> out = new ArrayList<>(List.of(binary.toString(), "--root", state.toString()));
    out.addAll(List.of(arguments));
    return out;
  }

  /** Where runc notes the number of a container's first process. */
  static Path pidFile(Path bundle) {
    return bundle.resolve("pid");
  }

  /**
   * Kills the process, and if it is the first all of its pid namespace, and waits.
   *
   * @return false if the command had to be killed, so that only {@link #delete} takes away what is
   *     left
   */
  boolean kill(Process command, Path pidFile) throws IOException, InterruptedException {
    long patience = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(START_PATIENCE_MILLIS);
    boolean killed = false;
    boolean orderly = true;
    while (!command.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
      if (!killed) {
        killed = signal(command, pidFile, SIGKILL);
      }
      if (System.nanoTime() > patience) {
        command.destroyForcibly(); // what it leaves, delete takes away
        orderly = false;
      }
    }
    return orderly && !pid(pidFile).isEmpty();
  }

  /** Waits until the process runs; false if the command ends before. */
  static boolean awaitRunning(Process command, Path pidFile)
      throws IOException, InterruptedException {
    while (pid(pidFile).isEmpty()) {
      if (command.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        return false;
      }
    }
    return command.isAlive();
  }

  private static String pid(Path pidFile) throws IOException {
    try {
      return Files.readString(pidFile, StandardCharsets.US_ASCII).trim();
    } catch (NoSuchFileException e) {
      return ""; // not started yet
    }
  }

  /** Sends the command's process a signal; false if it has not started or has ended. */
  static boolean signal(Process command, Path pidFile, int number) throws IOException {
    String text = pid(pidFile);
    // the number could be another process's by now, but not another child of this runc
    if (text.isEmpty() || parentOf(text) != command.pid()) {
      return false;
    }
    return send(Integer.parseInt(text), number);
  }

  /** Sends a signal; false if there is no such process any more. */
  static boolean send(int pid, int number) throws LinuxException {
    try {
      Linux.kill(pid, number);
      return true;
    } catch (LinuxException e) {
      if (e.errno() != Errno.ESRCH) {
        throw e;
      }
      return false;
    }
  }

  private static long parentOf(String pid) throws IOException {
    try {
      // the name, in parentheses, may contain anything: "pid (name) state ppid ..."
      String stat = Files.readString(Path.of("/proc", pid, "stat"), StandardCharsets.ISO_8859_1);
      return Long.parseLong(stat.substring(stat.lastIndexOf(')') + 2).split(" ")[1]);
    } catch (NoSuchFileException e) {
      return -1;
    }
  }

  boolean knows(String id) throws IOException {
    return Linux.exists(state.resolve(id));
  }

  /**
   * Forgets a container whose command has ended: what {@link #delete} does then, but for its
   * cgroup, and without a process.
   */
  void forget(String id) throws IOException {
    FileTree.delete(state.resolve(id));
  }

  /** Kills what is left of a container and forgets it. */
  void delete(String id) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command("delete", "--force", id))
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(DELETE_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      log.warn("runc delete does not end id={}", id);
    } else if (process.exitValue() != 0) {
      log.warn("runc delete failed id={} output=\"{}\"", id, output.trim());
    }
  }

  /** Ids of the containers it knows. */
  List<String> list() throws IOException {
    List<String> out = new ArrayList<>();
    if (Files.isDirectory(state)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(state)) {
        entries.forEach(entry -> out.add(String.valueOf(entry.getFileName())));
      }
    }
    return out;
  }

  /** Kills commands that another program has started on this state directory. */
  void killCommands() throws IOException {
    String marker = "\0--root\0" + state + "\0";
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path entry : entries) {
        String commandLine;
        try {
          commandLine =
              new String(Files.readAllBytes(entry.resolve("cmdline")), StandardCharsets.UTF_8);
        } catch (IOException e) {
          continue; // it has ended
        }
        if (commandLine.contains(marker)) {
          int pid = Integer.parseInt(String.valueOf(entry.getFileName()));
          log.info("kill left runc pid={}", pid);
          send(pid, SIGKILL);
        }
      }
    }
  }
}
