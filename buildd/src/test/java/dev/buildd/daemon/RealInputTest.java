package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A program of Debian's, compiled by Debian's compiler in Debian's root filesystem: the image comes
 * from a registry, the source from a git server, and what is built runs here. Both servers are on
 * loopback; packages come from where this machine's own come from.
 */
@Tag("root")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class RealInputTest {
  private static final String SUITE = "bookworm";
  private static final String PROGRAM = "tree"; // plain C, a Makefile, and no more

  @TempDir Path temp;
  private Programs programs;
  private String mirror;

  @BeforeEach
  void findMirror() throws Exception {
    programs = new Programs(temp);
    String targets =
        Programs.run(
            temp,
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(COMPONENT)",
            "Identifier: Packages");
    mirror =
        targets
            .lines()
            .filter(line -> line.endsWith("/debian/ main"))
            .map(line -> line.substring(0, line.length() - "/ main".length()))
            .findFirst()
            .orElseThrow(() -> new AssertionError("apt knows no mirror of Debian:\n" + targets));
  }

  @AfterEach
  void tidyUp() throws Exception {
    programs.close();
    // JUnit would warn of each symlink of a Debian system that leads out of the directory
    Programs.run(temp, "rm", "-rf", "--one-file-system", "debian", "buildd");
  }

  @Test
  void compilesAProgramThatRunsHere() throws Exception {
    int registry = serveImages();
    int git = serveSources();
    State gcc =
        Llb.image("localhost:" + registry + "/debian:" + SUITE)
            .addEnv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .addEnv("DEBIAN_FRONTEND", "noninteractive")
            .run(
                Llb.args(
                    "/bin/sh",
                    "-c",
                    "apt-get -q update"
                        + " && apt-get -q install -y --no-install-recommends gcc libc6-dev make"))
            .root();
    ExecState make = gcc.dir("/src").run(Llb.args("make", "LDFLAGS=-s -static"));
    State source = Llb.git("git://127.0.0.1:" + git + "/" + PROGRAM, "main");
    State compiled = make.addMount("/src", source);
    State binary = Llb.scratch().file(Llb.copy(compiled, "/" + PROGRAM, "/" + PROGRAM));

    Path out = Files.createDirectory(temp.resolve("out"));
    Path directory = Files.createDirectory(temp.resolve("buildd"));
    ConcurrentLinkedQueue<String> told = new ConcurrentLinkedQueue<>();
    try (Machine machine = new Machine(directory);
        BuildClient client = machine.client()) {
      try {
        client.solve(
            Optional.of(binary.marshal()),
            SolveOptions.defaults().withExports(SolveOptions.Export.local(out)),
            status -> collect(status, told));
      } catch (Exception e) {
        throw new AssertionError(String.join("", told), e);
      }
      assertThat(machine.stop()).isZero();
      assertThat(machine.mounts()).isEmpty();
    }

    assertThat(out.toFile().list()).containsExactly(PROGRAM);
    Path seen = Files.createDirectories(temp.resolve("seen/branch"));
    Files.createFile(seen.resolve("leaf"));
    assertThat(Programs.run(temp, out.resolve(PROGRAM).toString(), "--noreport", "seen"))
        .contains("branch")
        .contains("leaf");
  }

  private static void collect(SolveStatus status, ConcurrentLinkedQueue<String> told) {
    status.logs().forEach(line -> told.add(line.data().toStringUtf8()));
  }

  // --- what is served ---

  /** A registry with a root filesystem as debootstrap makes it. */
  private int serveImages() throws Exception {
    Path root = temp.resolve("debian");
    Programs.run(temp, "debootstrap", "--variant=minbase", SUITE, root.toString(), mirror);
    // steps fetch packages as this machine does
    String settings =
        Programs.run(temp, "apt-config", "dump", "Acquire")
            .lines()
            .filter(line -> line.toLowerCase(Locale.ROOT).matches(".*::(proxy|check-)[^ ]* .*"))
            .reduce("", (all, line) -> all + line + "\n");
    Files.writeString(root.resolve("etc/apt/apt.conf.d/99machine"), settings);
    Files.writeString(
        root.resolve("etc/apt/sources.list"), "deb " + mirror + " " + SUITE + " main\n");
    Programs.run(temp, "tar", "--numeric-owner", "-C", root.toString(), "-cf", "debian.tar", ".");

    int port = programs.serveRegistry();
    Programs.run(
        temp,
        "skopeo",
        "copy",
        "--dest-tls-verify=false",
        "tarball:debian.tar",
        "docker://localhost:" + port + "/debian:" + SUITE);
    return port;
  }

  /** A git server with a repository of a Debian source package, fetched as apt fetches it. */
  private int serveSources() throws Exception {
    Path apt = Files.createDirectories(temp.resolve("apt"));
    for (String directory : new String[] {"lists/partial", "cache/archives/partial"}) {
      Files.createDirectories(apt.resolve(directory));
    }
    Files.writeString(apt.resolve("sources.list"), "deb-src " + mirror + " " + SUITE + " main\n");
    List<String> own =
        List.of(
            "apt-get",
            "-q",
            "-o",
            "Dir::Etc::sourcelist=" + apt.resolve("sources.list"),
            "-o",
            "Dir::Etc::sourceparts=/dev/null",
            "-o",
            "Dir::State::lists=" + apt.resolve("lists"),
            "-o",
            "Dir::Cache=" + apt.resolve("cache"),
            "-o",
            "APT::Sandbox::User=root");
    Programs.run(apt, with(own, "update"));
    Programs.run(apt, with(own, "source", "--download-only", PROGRAM));
    Path repository = Files.createDirectories(temp.resolve("git").resolve(PROGRAM));
    Programs.run(
        apt,
        "sh",
        "-c",
        "tar -xf *.orig.tar.* --strip-components=1 -C \"$0\"",
        repository.toString());
    Programs.run(repository, "git", "init", "-q", "-b", "main");
    Programs.run(repository, "git", "add", ".");
    Programs.run(
        repository,
        "git",
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@example.org",
        "commit",
        "-q",
        "-m",
        "as Debian has it");
    int port = Programs.freePort();
    programs.serve(
        port,
        "git",
        "daemon",
        "--reuseaddr",
        "--export-all",
        "--listen=127.0.0.1",
        "--port=" + port,
        "--base-path=" + temp.resolve("git"));
    return port;
  }

  private static String[] with(List<String> command, String... more) {
    List<String> all = new ArrayList<>(command);
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }
}
