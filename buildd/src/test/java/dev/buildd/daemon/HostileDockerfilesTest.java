package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.proto.control.BuildHistoryRequest;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Dockerfiles and contexts whose authors mean harm: nothing of the machine is read or written,
 * nothing that was not granted is had, and the daemon serves on. Which advisory asks for which test
 * is in docs/security.md.
 */
@Tag("root")
@Timeout(180)
final class HostileDockerfilesTest {
  private static final String BASE =
      """
      FROM scratch AS base
      COPY --from=rootfs / /
      ENV PATH=/bin
      """;

  @TempDir static Path directory;
  private static Machine machine;
  private static Programs programs;

  /** What is the machine's own: a file with a word in it, and nothing else. */
  private static Path hers;

  private Path context;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(directory);
    hers = Files.createDirectories(directory.resolve("hers"));
    Files.writeString(hers.resolve("word"), "private to the machine\n");
    programs = new Programs(directory);
    machine = new Machine(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    try {
      assertThat(machine.mounts()).isEmpty();
      assertThat(machine.children()).isZero();
    } finally {
      machine.close();
      programs.close();
    }
  }

  @BeforeEach
  void makeContext() throws IOException {
    context = Files.createTempDirectory(directory, "context");
    Files.writeString(context.resolve("file"), "of the context\n");
  }

  /** All that was said while it was built. */
  private String build(String dockerfile, Map<String, String> options, Path out) throws Exception {
    Files.writeString(context.resolve("Dockerfile"), dockerfile);
    return solve(options, out);
  }

  private String solve(Map<String, String> options, Path out) throws Exception {
    StringWriter said = new StringWriter();
    Map<String, String> all = new HashMap<>(Map.of("context:rootfs", "local:rootfs"));
    all.putAll(options);
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.empty(),
          machine
              .options()
              .withFrontend("dockerfile.v0", all)
              .withLocalDir("dockerfile", context)
              .withLocalDir("context", context)
              .withExports(SolveOptions.Export.local(out)),
          status -> said.write(status.toString()));
    } finally {
      nothingOfHersChanged();
    }
    return said.toString();
  }

  private String build(String dockerfile, Path out) throws Exception {
    return build(dockerfile, Map.of(), out);
  }

  private static void nothingOfHersChanged() throws IOException {
    try (Stream<Path> files = Files.list(hers)) {
      assertThat(files).containsExactly(hers.resolve("word"));
    }
    assertThat(hers.resolve("word")).hasContent("private to the machine");
  }

  /** What a step finds where its mount is; nothing if that cannot be had at all. */
  private String seenThrough(String mount, String made, Path out) throws Exception {
    try {
      build(
          BASE
              + made
              + "FROM base\nRUN "
              + mount
              + " cat /m/word /m"
              + hers
              + "/word > /seen 2>/dev/null; true\n",
          out);
    } catch (Exception e) {
      assertThat(e).hasMessageNotContaining("private to the machine");
      return "";
    }
    return Files.readString(out.resolve("seen"));
  }

  @Test
  void linksInWhatIsMountedLeadNowhere(@TempDir Path out) throws Exception {
    String evil =
        "FROM base AS evil\nRUN ln -s "
            + hers
            + " /absolute && ln -s / /root && mkdir -p /a/b && "
            + "ln -s ../../../../../../../../../../.."
            + hers
            + " /a/b/relative\n";
    for (String source : List.of("/absolute", "/root", "/a/b/relative", "/../../../.." + hers)) {
      String bind = "--mount=type=bind,from=evil,target=/m,source=" + source;
      assertThat(seenThrough(bind, evil, out.resolve("bind"))).as(source).isEmpty();
      String cache = "--mount=type=cache,id=links,from=evil,target=/m,source=" + source;
      assertThat(seenThrough(cache, evil, out.resolve("cache"))).as(source).isEmpty();
    }
  }

  @Test
  void namesOfCachesArePlain(@TempDir Path out) throws Exception {
    String up = "../".repeat(20);
    build(
        BASE
            + "RUN --mount=type=cache,id="
            + up
            + hers
            + ",target=/m echo x > /m/written\n"
            + "RUN --mount=type=cache,target=/../../m"
            + hers
            + " echo x > /m"
            + hers
            + "/written\n",
        out);
    nothingOfHersChanged();
  }

  @Test
  void copiesFollowNoLinkOut(@TempDir Path out) throws Exception {
    String links = "RUN ln -s " + hers + " /link && ln -s ../../../../../../.." + hers + " /up\n";
    build(BASE + links + "COPY file /link/written\nCOPY file /up/written\n", out.resolve("to"));
    assertThat(out.resolve("to" + hers + "/written")).hasContent("of the context");
    assertThatThrownBy(() ->
            build(
                BASE + links + "FROM scratch\nCOPY --from=base /link/word /\n",
                out.resolve("from")))
        .hasMessageContaining("not found");
    Files.createSymbolicLink(context.resolve("out"), hers);
    assertThatThrownBy(() -> build("FROM scratch\nCOPY out/word /\n", out.resolve("of")))
        .hasMessageContaining("not found");
  }

  @Test
  void directoriesAreMadeInTheImageOnly(@TempDir Path out) throws Exception {
    build(
        BASE
            + "RUN ln -s "
            + hers
            + " /link\n"
            + "WORKDIR /link/made\n"
            + "RUN echo x > written\n"
            + "WORKDIR ../../../../../.."
            + hers
            + "/up\n"
            + "RUN echo x > written\n",
        out);
    assertThat(out.resolve(hers.toString().substring(1) + "/made/written")).exists();
  }

  @Test
  void archivesUnpackBelowWhereTheyAreAdded(@TempDir Path out) throws Exception {
    Files.createSymbolicLink(directory.resolve("leads"), hers);
    Files.writeString(directory.resolve("written"), "x");
    Programs.run(
        directory,
        "tar",
        "-cPf",
        context.resolve("evil.tar").toString(),
        "--transform=s,^written$,../../../../../../../../.." + hers + "/up,",
        "written",
        "leads");
    Programs.run(
        directory,
        "tar",
        "-rPf",
        context.resolve("evil.tar").toString(),
        "--transform=s,^written$,leads/through,",
        "written");
    Files.delete(directory.resolve("leads"));
    try {
      build(BASE + "ADD evil.tar /a/\n", out);
    } catch (Exception e) {
      assertThat(e).hasMessageContaining("evil.tar");
    }
    nothingOfHersChanged();
  }

  @Test
  void contextsAreTakenBelowTheirRoot(@TempDir Path out) throws Exception {
    Path served = Files.createDirectories(directory.resolve("served"));
    Files.writeString(served.resolve("Dockerfile"), "FROM scratch\nCOPY . /\n");
    Programs.run(
        served,
        "tar",
        "-cPf",
        "evil.tar",
        "--transform=s,^Dockerfile$,Dockerfile,",
        "--transform=s,^word$,../../../../../../.." + hers + "/up,",
        "Dockerfile");
    int port = Programs.freePort();
    programs.serve(
        port,
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "--directory",
        served.toString(),
        Integer.toString(port));
    solve(Map.of("context", "http://127.0.0.1:" + port + "/evil.tar"), out.resolve("tar"));
    assertThat(out.resolve("tar/Dockerfile")).exists();
    // a repository cannot say that what is built is elsewhere
    for (String bad : List.of("#main:../../..", "#--upload-pack=touch " + hers + "/x", "#:/link")) {
      assertThatThrownBy(() ->
              solve(
                  Map.of("context", "http://127.0.0.1:" + port + "/repo.git" + bad),
                  out.resolve("git")))
          .isInstanceOf(Exception.class);
    }
  }

  /** The client sends the link; whoever reads it must not take it for the machine's. */
  @Test
  void dockerfilesAreNotReadFromTheMachine(@TempDir Path out) throws Exception {
    Files.writeString(hers.resolve("word"), "private to the machine\n");
    Files.createSymbolicLink(context.resolve("Dockerfile"), hers.resolve("word"));
    assertThatThrownBy(() -> solve(Map.of(), out))
        .hasMessageNotContaining("private")
        .hasMessageContaining("Dockerfile");
    Files.delete(context.resolve("Dockerfile"));
    Files.createSymbolicLink(context.resolve(".dockerignore"), hers.resolve("word"));
    build("FROM scratch\nCOPY file /\n", out);
    assertThatThrownBy(
            () -> solve(Map.of("filename", "../../../../../../../.." + hers.resolve("word")), out))
        .hasMessageNotContaining("private");
  }

  @Test
  void whatWasNotGrantedIsRefused(@TempDir Path out) {
    for (String flag : List.of("--security=insecure", "--network=host")) {
      assertThatThrownBy(() -> build(BASE + "RUN " + flag + " true\n", out))
          .as(flag)
          .hasMessageContaining("is not allowed");
    }
    assertThatThrownBy(() ->
            build(BASE + "RUN --mount=type=bind,target=/m,bind-propagation=shared true\n", out))
        .hasMessageContaining("bind-propagation");
    assertThatThrownBy(() -> build(BASE + "RUN --security=unmasked true\n", out))
        .hasMessageContaining("line 4: security \"unmasked\" is not valid");
    assertThatThrownBy(() -> build(BASE + "RUN --network=all true\n", out))
        .hasMessageContaining("line 4: invalid network mode \"all\"");
  }

  @Test
  void usersAreLookedUpInFilesOnly(@TempDir Path out) {
    assertThatThrownBy(() ->
            build(BASE + "RUN mkdir -p /etc && mkfifo /etc/passwd\nUSER somebody\nRUN true\n", out))
        .hasMessageContaining("/etc/passwd is not a regular file");
    assertThatThrownBy(() ->
            build(
                BASE
                    + "RUN mkdir -p /etc && busybox mknod /etc/passwd c 1 5\n"
                    + "COPY --chown=somebody file /\n",
                out))
        .hasMessageContaining("/etc/passwd is not a regular file");
  }

  @Test
  void fewLinesDoNotFillTheMemory(@TempDir Path out) throws Exception {
    StringBuilder doubling = new StringBuilder("ARG A0=xxxxxxxxxxxxxxxx\n");
    for (int i = 1; i < 60; i++) {
      doubling.append("ARG A" + i + "=$A" + (i - 1) + "$A" + (i - 1) + "\n");
    }
    assertThatThrownBy(() -> build(doubling + "FROM scratch\n", out))
        .hasMessageContaining("values of variables make it longer by more than 1 MiB");
    StringBuilder wide =
        new StringBuilder(
            "FROM scratch\nARG P=" + "x".repeat(60_000) + "\nARG A=" + "$P".repeat(15) + "\n");
    for (int i = 0; i < 200; i++) {
      wide.append("LABEL l" + i + "=$A\n");
    }
    assertThatThrownBy(() -> build(wide.toString(), out))
        .hasMessageContaining("values of variables come to more than 64 MiB in all");
    build("FROM scratch\nCOPY file /\n", out);
  }

  @Test
  void patternsTakeNoTimeWithoutEnd(@TempDir Path out) throws Exception {
    Files.writeString(context.resolve("a".repeat(200)), "");
    String stars = "a*".repeat(60) + "b";
    Files.writeString(context.resolve(".dockerignore"), "**/" + stars + "\n**/**/**/**/**/**/b\n");
    build("FROM scratch\nCOPY --exclude=" + stars + " . /\n", out);
    assertThat(out.resolve("a".repeat(200))).exists();
  }

  @Test
  void passwordsOfAddressesAreToldToNobody(@TempDir Path out) throws Exception {
    int port = Programs.freePort();
    assertThatThrownBy(() ->
            build("FROM scratch\nADD http://user:pa55word@127.0.0.1:" + port + "/file /\n", out))
        .hasMessageNotContaining("pa55word");
    assertThatThrownBy(() ->
            solve(Map.of("context", "http://user:pa55word@127.0.0.1:" + port + "/repo.git"), out))
        .hasMessageNotContaining("pa55word");
    assertThat(Files.readString(directory.resolve("log"), UTF_8)).doesNotContain("pa55word");
    try (BuildClient client = machine.client()) {
      StringWriter history = new StringWriter();
      client.history(
          BuildHistoryRequest.newBuilder().setEarlyExit(true).build(),
          event -> history.write(event.toString()));
      assertThat(history.toString()).contains("xxxxx:xxxxx@").doesNotContain("pa55word");
    }
  }

  /** After all of it. */
  @Test
  void anOrdinaryBuildIsBuilt(@TempDir Path out) throws Exception {
    build(BASE + "RUN echo fine > /fine\n", out);
    assertThat(out.resolve("fine")).hasContent("fine");
    assertThat(machine.mounts()).isEmpty();
  }
}
