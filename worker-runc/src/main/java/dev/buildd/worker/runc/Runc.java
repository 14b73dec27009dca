package dev.buildd.worker.runc;

import dev.buildd.base.linux.Errno;
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
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The runc command with a state directory of its own. */
final class Runc {
  private static final Logger log = LoggerFactory.getLogger(Runc.class);
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

  /** A container's process in the foreground: the command ends when it ends, with its exit code. */
  Process start(Path bundle, String id) throws IOException {
    return new ProcessBuilder(
            command(
                "--log",
                bundle.resolve("log.json").toString(),
                "--log-format",
                "json",
                "run",
                "--bundle",
                bundle.toString(),
                "--pid-file",
                pidFile(bundle).toString(),
                id))
        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
        .start();
  }

  private List<String> command(String... arguments) {
    List<String> out = new ArrayList<>(List.of(binary.toString(), "--root", state.toString()));
    out.addAll(List.of(arguments));
    return out;
  }

  private static Path pidFile(Path bundle) {
    return bundle.resolve("pid");
  }

  /** Kills the container's first process, and thereby all of its pid namespace, and waits. */
  void kill(Process run, Path bundle) throws IOException, InterruptedException {
    long patience = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(START_PATIENCE_MILLIS);
    boolean killed = false;
    while (!run.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
      if (!killed) {
        killed = killFirst(run.pid(), bundle);
      }
      if (System.nanoTime() > patience) {
        run.destroyForcibly(); // what it leaves, delete takes away
      }
    }
  }

  private static boolean killFirst(long runPid, Path bundle) throws IOException {
    String text;
    try {
      text = Files.readString(pidFile(bundle), StandardCharsets.US_ASCII).trim();
    } catch (NoSuchFileException e) {
      return false; // not started yet
    }
    // the number could be another process's by now, but not another child of this runc
    if (text.isEmpty() || parentOf(text) != runPid) {
      return false;
    }
    try {
      Linux.kill(Integer.parseInt(text), SIGKILL);
    } catch (LinuxException e) {
      if (e.errno() != Errno.ESRCH) {
        throw e;
      }
    }
    return true;
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
          try {
            Linux.kill(pid, SIGKILL);
          } catch (LinuxException e) {
            if (e.errno() != Errno.ESRCH) {
              throw e;
            }
          }
        }
      }
    }
  }
}
