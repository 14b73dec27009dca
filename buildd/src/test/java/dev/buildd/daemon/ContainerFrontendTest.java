package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.rpc.Status;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code gateway.v0}, with frontends that are programs in images: {@link ProgramFrontend} and the
 * Dockerfile frontend's own {@link dev.buildd.frontend.dockerfile.Main}, each with a Java runtime
 * of few modules, and the classes that are tested.
 */
@Tag("root")
@Timeout(240)
final class ContainerFrontendTest {
  private static final List<String> LIBRARIES =
      List.of(
          "grpc-",
          "netty-",
          "protobuf-java",
          "guava",
          "failureaccess",
          "perfmark",
          "slf4j-api",
          "proto-google-common-protos",
          "jspecify",
          "annotations",
          "jackson-",
          "gson",
          "re2j");

  @TempDir static Path directory;
  private static OwnDaemon daemon;
  private static Programs programs;
  private static String image;
  private static String dockerfiles;

  @BeforeAll
  static void start() throws Exception {
    programs = new Programs(directory);
    String registry = "localhost:" + programs.serveRegistry();
    image = registry + "/frontend:v1";
    dockerfiles = registry + "/dockerfile:v1";
    Frontend inner =
        gateway ->
            gateway.solve(
                GatewayClient.Request.of(
                    Llb.scratch()
                        .file(Llb.mkfile("/told", 0644, gateway.options().getOrDefault("text", "")))
                        .marshal()));
    daemon =
        new OwnDaemon(
            directory,
            new Daemon.Extensions(Map.of("inner.v0", inner, "disabled.v0", inner), List.of()),
            Map.of(
                "disabled.v0",
                new BuilddConfig.FrontendPolicy(false, List.of()),
                "gateway.v0",
                new BuilddConfig.FrontendPolicy(
                    true,
                    List.of(
                        registry + "/frontend", registry + "/other", registry + "/dockerfile"))));
    Path files = Files.createDirectories(directory.resolve("frontend"));
    makeRuntime(files);
    push(files, image, ProgramFrontend.class, Map.of());
    push(
        files,
        dockerfiles,
        dev.buildd.frontend.dockerfile.Main.class,
        Map.of(
            "moby.buildkit.frontend.network.none",
            "true",
            "moby.buildkit.frontend.caps",
            "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,"
                + "moby.buildkit.frontend.contexts"));
    push(
        files,
        registry + "/other:v1",
        ProgramFrontend.class,
        Map.of(
            "moby.buildkit.frontend.network.none",
            "true",
            "moby.buildkit.frontend.caps",
            "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests"));
  }

  @AfterAll
  static void stop() {
    daemon.close();
    programs.close();
  }

  @AfterEach
  void nothingIsLeft() throws IOException {
    assertThat(containers()).isEmpty();
    assertThat(directory.resolve("root/scratch")).isEmptyDirectory();
  }

  /** The bundles of what runs. */
  private static List<String> containers() throws IOException {
    try (Stream<Path> bundles = Files.list(directory.resolve("root/executor"))) {
      return bundles
          .map(path -> path.getFileName().toString())
          .filter(name -> name.length() == 25)
          .toList();
    }
  }

  /** A Java runtime with its libraries, and the classes of this test's class path. */
  private static void makeRuntime(Path files) throws Exception {
    Programs.run(
        directory,
        Path.of(System.getProperty("java.home"), "bin/jlink").toString(),
        "--add-modules",
        "java.base,java.logging,java.management,java.naming,java.sql,jdk.unsupported",
        "--strip-debug",
        "--no-man-pages",
        "--no-header-files",
        "--output",
        files.resolve("jre").toString());
    Path classes = Files.createDirectories(files.resolve("app"));
    List<String> path = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      Path from = Path.of(entry);
      String name = from.getFileName().toString();
      if (Files.isDirectory(from)) {
        path.add("/app/" + path.size());
        Programs.run(
            directory,
            "cp",
            "-r",
            from.toString(),
            classes.resolve("" + (path.size() - 1)).toString());
      } else if (Files.exists(from) && isLibrary(name)) {
        path.add("/app/" + name);
        Files.copy(from, classes.resolve(name));
      }
    }
    Files.writeString(
        classes.resolve("run"),
        "#!/bin/sh\nexec /jre/bin/java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
            + " --enable-native-access=ALL-UNNAMED -cp "
            + String.join(":", path)
            + " \"$@\"\n");
    classes.resolve("run").toFile().setExecutable(true);
    // what a Java runtime is linked with
    for (String library :
        Programs.run(directory, "ldd", files.resolve("jre/bin/java").toString()).lines().toList()) {
      copyLibrary(library, files);
    }
    for (String more : List.of("libnss_files.so.2", "libm.so.6", "librt.so.1", "libgcc_s.so.1")) {
      Path at = Path.of("/lib/x86_64-linux-gnu", more);
      if (Files.exists(at)) {
        copyLibrary("x => " + at + " (0)", files);
      }
    }
  }

  private static boolean isLibrary(String name) {
    return LIBRARIES.stream().anyMatch(name::startsWith)
        || name.matches("(base|proto|session|llb-client|frontend-dockerfile).*\\.jar");
  }

  private static void copyLibrary(String line, Path files) throws Exception {
    for (String word : line.split("\\s+")) {
      if (word.startsWith("/lib") && !word.contains("/jre/")) {
        Path to = files.resolve(word.substring(1));
        if (!Files.exists(to)) {
          Files.createDirectories(to.getParent());
          Files.copy(Path.of(word).toRealPath(), to);
        }
      }
    }
  }

  private static void push(Path files, String name, Class<?> main, Map<String, String> labels)
      throws Exception {
    byte[] config =
        Json.bytes(
            Map.of(
                "architecture",
                "amd64",
                "os",
                "linux",
                "config",
                Map.of(
                    "Entrypoint",
                    List.of("/app/run", main.getName()),
                    "Env",
                    List.of("PATH=/bin", "IMAGE_VARIABLE=set"),
                    "WorkingDir",
                    "/work",
                    "Labels",
                    labels),
                "rootfs",
                Map.of("type", "layers", "diff_ids", List.of())));
    State state =
        Machine.base()
            .file(
                Llb.copy(
                    Llb.local("frontend"),
                    "/",
                    "/",
                    dev.buildd.llb.FileAction.CopyOptions.DEFAULT.contentsOnly()));
    try (BuildClient client = daemon.client()) {
      client.build(
          gateway ->
              Result.of(
                      gateway
                          .solve(GatewayClient.Request.of(state.marshal()))
                          .single()
                          .orElseThrow())
                  .withMetadata("containerimage.config", config),
          daemon
              .options()
              .withLocalDir("frontend", files)
              .withExports(
                  new SolveOptions.Export(
                      "image", Map.of("name", name, "push", "true"), Optional.empty())),
          status -> {});
    }
  }

  /** Builds a Dockerfile, which stands in a directory beside its context. */
  private static SortedMap<String, String> buildDockerfile(
      String dockerfile, Map<String, String> options, Path out) throws Exception {
    Path files = Files.createDirectories(directory.resolve("dockerfiles"));
    Files.writeString(files.resolve("Dockerfile"), dockerfile);
    Files.writeString(files.resolve("file"), "of the context");
    return solve(
        daemon
            .options()
            .withFrontend("dockerfile.v0", options)
            .withLocalDir("dockerfile", files)
            .withLocalDir("context", files),
        out);
  }

  private static SortedMap<String, String> build(
      Map<String, String> options, Map<String, Definition> inputs, Path out) throws Exception {
    Map<String, String> all = new HashMap<>(Map.of("source", image));
    all.putAll(options);
    return solve(daemon.options().withFrontend("gateway.v0", all).withFrontendInputs(inputs), out);
  }

  private static SortedMap<String, String> solve(SolveOptions options, Path out) throws Exception {
    try (BuildClient client = daemon.client()) {
      return client
          .solve(
              Optional.empty(), options.withExports(SolveOptions.Export.local(out)), status -> {})
          .exporterResponse();
    }
  }

  private static SolveException failure(Map<String, String> options) {
    return org.junit.jupiter.api.Assertions.assertThrows(
        SolveException.class,
        () -> build(options, Map.of(), Files.createDirectories(directory.resolve("unused"))));
  }

  @Test
  void aProgramIsAFrontend(@TempDir Path out) throws Exception {
    Map<String, String> response =
        build(Map.of("cmdline", "a b=c", "odd", "x=y\nz"), Map.of(), out);
    assertThat(out.resolve("told"))
        .content()
        .contains(
            """
            cmdline a b=c
            odd x=y
            z
            session true
            product buildkit
            workers 1
            same workers true
            image variable set
            directory /work
            definition true
            """);
    assertThat(response).containsEntry("frontend.mood", "fine");
  }

  @Test
  void aLabelTakesTheNetworkAway(@TempDir Path out) throws Exception {
    build(Map.of("source", image.replace("frontend", "other")), Map.of(), out);
    assertThat(out.resolve("told")).content().contains("network 3\n"); // two of heading, and lo
  }

  @Test
  void frontendsAskOthersAndThemselves(@TempDir Path one, @TempDir Path two) throws Exception {
    build(Map.of("do", "nest"), Map.of(), one);
    assertThat(one.resolve("told")).hasContent("nested");
    build(Map.of("do", "nest-itself", "then", "nest"), Map.of(), two);
    assertThat(two.resolve("told")).hasContent("nested");
  }

  @Test
  void inputsNeedALabel(@TempDir Path out) throws Exception {
    Definition input = Llb.scratch().file(Llb.mkfile("/told", 0644, "given")).marshal();
    assertThatThrownBy(() -> build(Map.of("do", "input"), Map.of("in", input), out))
        .isInstanceOfSatisfying(
            SolveException.class, e -> assertThat(e.category()).isEqualTo(Category.UNIMPLEMENTED))
        .hasMessageContaining("unsupported frontend capability moby.buildkit.frontend.inputs");
    build(
        Map.of("do", "input", "source", image.replace("frontend", "other")),
        Map.of("in", input),
        out);
    assertThat(out.resolve("told")).hasContent("given");
  }

  @Test
  void aNamedContextReplacesTheImage(@TempDir Path out) throws Exception {
    String other = image.replace("frontend", "other");
    build(Map.of("context:" + image, "docker-image://" + other), Map.of(), out);
    assertThat(out.resolve("told")).content().contains("network 3\n");
  }

  /** As {@code enabled = false} in its section of the configuration has it. */
  @Test
  void aDisabledFrontendIsNotThere(@TempDir Path out) {
    assertThatThrownBy(() -> solve(daemon.options().withFrontend("disabled.v0", Map.of()), out))
        .hasMessageContaining("invalid frontend: disabled.v0");
  }

  /** Each of the three ways to name it; the vertices are those of the daemon's own frontend. */
  @Test
  void aDockerfileNamesItsFrontend(@TempDir Path out) throws Exception {
    String text =
        """
        FROM scratch AS first
        ARG WHO=nobody
        COPY <<EOF /greeting
        hello $WHO
        EOF
        FROM first
        COPY file /
        """;
    Map<String, String> argument = Map.of("build-arg:WHO", "you");
    buildDockerfile(text, argument, out.resolve("own"));
    buildDockerfile("# syntax=" + dockerfiles + "\n" + text, argument, out.resolve("named"));
    buildDockerfile(
        text,
        Map.of("build-arg:WHO", "you", "build-arg:BUILDKIT_SYNTAX", dockerfiles),
        out.resolve("argument"));
    Map<String, String> direct =
        Map.of("build-arg:WHO", "you", "source", dockerfiles, "cmdline", dockerfiles);
    solve(
        daemon
            .options()
            .withFrontend("gateway.v0", direct)
            .withLocalDir("dockerfile", directory.resolve("dockerfiles"))
            .withLocalDir("context", directory.resolve("dockerfiles")),
        out.resolve("direct"));
    for (String way : List.of("own", "named", "argument", "direct")) {
      assertThat(out.resolve(way + "/greeting")).content().isEqualTo("hello you\n");
      assertThat(out.resolve(way + "/file")).content().isEqualTo("of the context");
    }
  }

  @Test
  void aNamedFrontendTellsWhereAFaultIs(@TempDir Path out) {
    SolveException failed =
        org.junit.jupiter.api.Assertions.assertThrows(
            SolveException.class,
            () ->
                buildDockerfile(
                    "# syntax=" + dockerfiles + "\nFROM scratch\nCOPYY file /\n", Map.of(), out));
    assertThat(failed)
        .hasMessageContaining(
            "dockerfile parse error on line 3: unknown instruction: COPYY (did you mean COPY?)");
    assertThat(details(failed).stream().filter(detail -> detail.contains("errdefs.Source")))
        .as("not where it names its frontend too")
        .singleElement()
        .asString()
        .contains("\"ranges\":[{\"start\":{\"line\":3},\"end\":{\"line\":3}}]");
  }

  @Test
  void aNamedFrontendAnswersSubrequests() throws Exception {
    Path files = Files.createDirectories(directory.resolve("dockerfiles"));
    Files.writeString(
        files.resolve("Dockerfile"),
        "# syntax=" + dockerfiles + "\n# only is the only one\nFROM scratch AS only\n");
    AtomicReference<String> answer = new AtomicReference<>();
    try (BuildClient client = daemon.client()) {
      client.build(
          gateway -> {
            Result result =
                gateway.solve(
                    GatewayClient.Request.of(
                        "dockerfile.v0",
                        Map.of(
                            "requestid",
                            "frontend.targets",
                            "frontend.caps",
                            "moby.buildkit.frontend.subrequests")));
            answer.set(new String(result.metadata().get("result.txt"), UTF_8));
            return result;
          },
          daemon.options().withLocalDir("dockerfile", files).withLocalDir("context", files),
          status -> {});
    }
    assertThat(answer.get()).containsPattern("only \\(default\\) +is the only one");
  }

  private static List<String> details(SolveException failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof StatusRuntimeException e) {
        Status status = Objects.requireNonNull(StatusProto.fromThrowable(e));
        return status.getDetailsList().stream()
            .map(detail ->
                detail.getTypeUrl().replace("github.com/moby/buildkit/", "")
                    + " "
                    + detail.getValue().toString(UTF_8))
            .toList();
      }
    }
    return List.of();
  }

  @Test
  void failuresComeWithAllThatIsKnown() throws Exception {
    SolveException failed = failure(Map.of("do", "run"));
    assertThat(failed.exitCode()).hasValue(7);
    assertThat(failed.vertex()).isPresent();
    assertThat(failed).hasMessageContaining("did not complete successfully: exit code: 7");
    assertThat(details(failed))
        .contains("errdefs.Frontend+json {\"name\":\"gateway.v0\",\"source\":\"" + image + "\"}");
    // through two levels of frontends
    SolveException nested = failure(Map.of("do", "nest-itself", "then", "run"));
    assertThat(nested.exitCode()).hasValue(7);
    assertThat(nested.vertex()).isPresent();
    assertThat(failure(Map.of("do", "fail"))).hasMessageContaining("no such thing");
  }

  /** Its container is gone within seconds: {@link #nothingIsLeft} looks. */
  @Test
  void aCancelledBuildEndsAFrontendThatHangs(@TempDir Path out) throws Exception {
    AtomicReference<Throwable> ended = new AtomicReference<>();
    Thread build =
        Thread.startVirtualThread(() -> {
          try {
            build(Map.of("do", "hang"), Map.of(), out);
          } catch (Throwable e) {
            ended.set(e);
          }
        });
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (containers().isEmpty()) {
      assertThat(System.nanoTime()).as("a container starts").isLessThan(deadline);
      Thread.sleep(20);
    }
    build.interrupt();
    assertThat(build.join(Duration.ofSeconds(20))).isTrue();
    assertThat(ended.get()).isInstanceOf(InterruptedException.class);
    while (!containers().isEmpty()) {
      assertThat(System.nanoTime()).as("the container ends").isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  @Test
  void howAProgramEndsIsTold() {
    assertThat(failure(Map.of("do", "die"))).hasMessageContaining("exit code: 9");
    assertThat(failure(Map.of("do", "return-and-die"))).hasMessageContaining("exit code: 8");
    assertThat(failure(Map.of("do", "leave")))
        .hasMessageContaining("no result for incomplete build");
    assertThat(failure(Map.of("do", "hang-up")))
        .hasMessageContaining("frontend grpc server closed unexpectedly");
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    assertThat(failure(Map.of("source", "docker.io/library/busybox")))
        .hasMessageContaining("'docker.io/library/busybox' is not an allowed gateway source");
    assertThat(failure(Map.of("gateway-devel", "")))
        .hasMessageContaining("development gateway is no longer supported");
    assertThat(failure(Map.of("frontend.caps", "moby.buildkit.frontend.contexts+forward")))
        .hasMessageContaining("unsupported frontend capability moby.buildkit.frontend.contexts");
  }
}
