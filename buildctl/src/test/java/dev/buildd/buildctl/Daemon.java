package dev.buildd.buildctl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A daemon in a process of its own, on a root of its own. */
final class Daemon implements AutoCloseable {
  private static final List<String> APPLETS = List.of("sh", "cat", "echo", "sleep", "seq", "false");

  private final Path directory;
  private final Process process;

  Daemon(Path directory) throws Exception {
    this.directory = directory;
    this.process =
        new ProcessBuilder(
                java("dev.buildd.daemon.Main", "--root", directory + "/root", "--addr", address()))
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("log").toFile())
            .start();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!Files.exists(directory.resolve("sock"))) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        throw new AssertionError("the daemon does not start:\n" + log());
      }
      Thread.sleep(20);
    }
    busybox();
  }

  /** The command that runs a program of our class path. */
  static List<String> java(String main, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            main));
    command.addAll(List.of(arguments));
    return command;
  }

  private void busybox() throws IOException {
    Path binary = Path.of("/bin/busybox");
    assertThat(binary).as("Debian's busybox-static is needed").exists();
    Path bin = Files.createDirectories(rootfs().resolve("bin"));
    Files.copy(binary, bin.resolve("busybox"));
    for (String applet : APPLETS) {
      Files.createSymbolicLink(bin.resolve(applet), Path.of("busybox"));
    }
  }

  Path rootfs() {
    return directory.resolve("rootfs");
  }

  String address() {
    return "unix://" + directory.resolve("sock");
  }

  String log() throws IOException {
    return Files.readString(directory.resolve("log"));
  }

  /** Processes whose command line has the text, whoever started them. */
  static long processesOf(String text) {
    return ProcessHandle.allProcesses()
        .filter(process -> commandLine(process.pid()).startsWith(text))
        .count();
  }

  private static String commandLine(long pid) {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/cmdline")).replace('\0', ' ');
    } catch (IOException e) {
      return "";
    }
  }

  @Override
  public void close() {
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
