package dev.buildd.solver.source.git;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.solver.graph.VertexProgress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The git command on one repository. It reads no configuration but the repository's own and what is
 * given here, runs no hooks, and follows no submodule into this machine's files.
 */
final class Git {
  private static final List<String> SAFE =
      List.of(
          "-c", "protocol.file.allow=user",
          "-c", "core.hooksPath=/dev/null",
          // what runs on in the background would keep the repository mounted
          "-c", "gc.autoDetach=false",
          "-c", "maintenance.autoDetach=false");
  private static final List<String> PROXIES =
      List.of(
          "HTTP_PROXY",
          "HTTPS_PROXY",
          "NO_PROXY",
          "ALL_PROXY",
          "http_proxy",
          "https_proxy",
          "no_proxy",
          "all_proxy");
  private static final long KILL_PATIENCE_SECONDS = 2;

  private final VertexProgress progress;
  private final Access access;
  private final Optional<Path> gitDirectory;
  private final Optional<Path> workTree;

  /**
   * What git may use to reach a remote.
   *
   * @param knownHosts a file with the keys of SSH servers; without it any server is trusted
   * @param agent the socket of an SSH agent
   */
  record Access(Optional<Header> header, Optional<Path> knownHosts, Optional<Path> agent) {}

  /** An HTTP header for requests below a URL. */
  record Header(String scope, String value) {
    @Override
    public String toString() {
      return "Header[" + scope + "]"; // the value is a secret
    }
  }

  private Git(
      VertexProgress progress,
      Access access,
      Optional<Path> gitDirectory,
      Optional<Path> workTree) {
    this.progress = progress;
    this.access = access;
    this.gitDirectory = gitDirectory;
    this.workTree = workTree;
  }

  /** Git without a repository. */
  static Git anywhere(VertexProgress progress, Access access) {
    return new Git(progress, access, Optional.empty(), Optional.empty());
  }

  Git in(Path directory) {
    return new Git(progress, access, Optional.of(directory), Optional.empty());
  }

  Git withWorkTree(Path directory) {
    return new Git(progress, access, gitDirectory, Optional.of(directory));
  }

  /** Whether the command ends well. */
  boolean succeeds(String... arguments) throws Exception {
    try {
      run(arguments);
      return true;
    } catch (Failure e) {
      return false;
    }
  }

  /** Git ended with a failure. */
  static final class Failure extends BuildException {
    private static final long serialVersionUID = 1L;

    private final String stderr;

    Failure(String stderr, int code) {
      super(
          dev.buildd.base.error.Category.UNKNOWN,
          "git stderr:\n" + stderr + ": exit status " + code);
      this.stderr = stderr;
    }

    /** The same, said of what was going on. */
    BuildException during(String what) {
      return BuildException.unknown(what + ": " + getMessage(), this);
    }

    String stderr() {
      return stderr;
    }
  }

  /** Runs a command and returns what it prints; that is logged too. */
  String run(String... arguments) throws Exception {
    List<String> list = Arrays.asList(arguments);
    while (true) {
      try {
        return once(list);
      } catch (Failure e) {
        List<String> simpler = simpler(list, e.stderr());
        if (simpler.equals(list)) {
          throw e;
        }
        list = simpler;
      }
    }
  }

  /** Servers that do not do shallow clones or single commits are asked for more. */
  private static List<String> simpler(List<String> arguments, String stderr) {
    if ((stderr.contains("--depth") || stderr.contains("shallow"))
        && arguments.contains("--depth=1")) {
      return arguments.stream().filter(a -> !a.equals("--depth=1")).toList();
    }
    if ((stderr.contains("not our ref") || stderr.contains("unadvertised object"))
        && arguments.size() > 2
        && arguments.getFirst().equals("fetch")
        && GitUrl.isCommit(arguments.getLast())) {
      return arguments.subList(0, arguments.size() - 1);
    }
    return arguments;
  }

  private String once(List<String> arguments) throws Exception {
    // files are made as an ordinary user would make them, whatever the daemon's umask is
    List<String> command =
        new ArrayList<>(List.of("/bin/sh", "-c", "umask 0022 && exec \"$0\" \"$@\"", "git"));
    command.addAll(SAFE);
    workTree.ifPresent(tree -> command.addAll(List.of("--work-tree", tree.toString())));
    gitDirectory.ifPresent(dir -> command.addAll(List.of("--git-dir", dir.toString())));
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    workTree.or(() -> gitDirectory).ifPresent(path -> builder.directory(path.toFile()));
    environment(builder.environment());
    Process process = builder.start();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    try (Scope scope = Scope.open("git")) {
      scope.fork("git stdout", () -> copy(process.getInputStream(), out, 1));
      scope.fork("git stderr", () -> copy(process.getErrorStream(), err, 2));
      int code;
      try {
        code = process.waitFor();
        scope.join();
      } catch (InterruptedException e) {
        Cleanup.runToEnd("kill git", () -> kill(process));
        throw e;
      }
      if (code != 0) {
        throw new Failure(hideSecret(err.toString(StandardCharsets.UTF_8)), code);
      }
      return out.toString(StandardCharsets.UTF_8);
    }
  }

  private void environment(Map<String, String> to) {
    Map<String, @Nullable String> ours = System.getenv();
    to.clear();
    to.put("PATH", ours.getOrDefault("PATH", "/usr/bin:/bin"));
    to.put("GIT_TERMINAL_PROMPT", "0");
    to.put("GIT_SSH_COMMAND", sshCommand());
    to.put("LC_ALL", "C");
    to.put("GIT_CONFIG_NOSYSTEM", "1");
    to.put("HOME", "/dev/null");
    to.put("GIT_CONFIG_GLOBAL", "/dev/null");
    for (String name : PROXIES) {
      String value = ours.get(name);
      if (value != null) {
        to.put(name, value);
      }
    }
    access.agent().ifPresent(socket -> to.put("SSH_AUTH_SOCK", socket.toString()));
    Optional<Header> header = access.header();
    if (header.isPresent()) {
      // not on the command line, which everybody on this machine can read
      to.put("GIT_CONFIG_COUNT", "1");
      to.put("GIT_CONFIG_KEY_0", "http." + header.get().scope() + ".extraheader");
      to.put("GIT_CONFIG_VALUE_0", "Authorization: " + header.get().value());
    }
  }

  private String sshCommand() {
    return "ssh -F /dev/null "
        + access
            .knownHosts()
            .map(file -> "-o UserKnownHostsFile=" + file)
            .orElse("-o StrictHostKeyChecking=no");
  }

  private String hideSecret(String text) {
    return access.header().map(h -> text.replace(h.value(), "xxxxx")).orElse(text);
  }

  private void copy(InputStream from, ByteArrayOutputStream to, int stream) throws IOException {
    byte[] buffer = new byte[8192];
    for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
      to.write(buffer, 0, n);
      progress.log(stream, Arrays.copyOf(buffer, n));
    }
  }

  /** Git has helpers, which may outlive it. */
  private static void kill(Process process) throws InterruptedException {
    List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
    all.add(process.toHandle());
    all.forEach(ProcessHandle::destroy);
    if (!process.waitFor(KILL_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      all.addAll(process.descendants().toList());
      all.forEach(ProcessHandle::destroyForcibly);
      process.waitFor();
    }
  }
}
