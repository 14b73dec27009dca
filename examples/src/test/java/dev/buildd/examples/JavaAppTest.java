package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Platform;
import dev.buildd.base.json.Json;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.State;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A program is compiled by a JDK, linked from this one, in an image of a registry on loopback. */
@Tag("root")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class JavaAppTest {
  private static final String MAIN = "com.example.Main";
  private static final Pattern LIBRARY = Pattern.compile("(?m)(/\\S+) \\(0x");

  @TempDir Path temp;
  private Daemon daemon;
  private Process registry;
  private String host;
  private Path out;

  @BeforeEach
  void start() throws Exception {
    daemon = new Daemon(Files.createDirectory(temp.resolve("daemon")));
    int port = freePort();
    host = "localhost:" + port;
    registry = serveRegistry(port);
    awaitRegistry(port);
    out = Files.createDirectory(temp.resolve("out"));
    push(linkJdk());
  }

  @AfterEach
  void stop() {
    daemon.close();
    registry.destroyForcibly().onExit().join();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private Path registryLog() {
    return temp.resolve("registry.log");
  }

  private Process serveRegistry(int port) throws IOException {
    Path config = temp.resolve("registry.yml");
    Files.writeString(
        config,
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: %s}}
        http: {addr: "127.0.0.1:%d"}
        """
            .formatted(temp.resolve("registry"), port));
    return new ProcessBuilder("docker-registry", "serve", config.toString())
        .redirectErrorStream(true)
        .redirectOutput(registryLog().toFile())
        .start();
  }

  private void awaitRegistry(int port) throws Exception {
    while (true) {
      try (Socket _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
        return;
      } catch (IOException e) {
        assertThat(registry.isAlive()).as(Files.readString(registryLog())).isTrue();
        Thread.sleep(50);
      }
    }
  }

  /** A root filesystem with a small JDK and the libraries that it wants. */
  private Path linkJdk() throws Exception {
    Path root = Files.createDirectory(temp.resolve("jdk"));
    Path jdk = root.resolve("opt/jdk");
    Path home = Path.of(System.getProperty("java.home"));
    run(
        home.resolve("bin/jlink").toString(),
        "--add-modules=jdk.compiler,jdk.zipfs",
        "--generate-cds-archive",
        "--strip-debug",
        "--output=" + jdk);
    Matcher libraries =
        LIBRARY.matcher(run("ldd", jdk + "/bin/java", jdk + "/lib/server/libjvm.so"));
    while (libraries.find()) {
      Path library = Path.of(libraries.group(1));
      Path copy = root.resolve(library.toString().substring(1));
      if (!library.startsWith(jdk) && !Files.exists(copy)) {
        Files.createDirectories(copy.getParent());
        Files.copy(library, copy);
      }
    }
    return root;
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(told).isZero();
    return told;
  }

  private void push(Path jdk) throws Exception {
    Platform platform = Platform.host().normalized();
    byte[] config =
        Json.bytes(
            Map.of(
                "os", platform.os(),
                "architecture", platform.architecture(),
                "config", Map.of("Env", List.of("PATH=/opt/jdk/bin"))));
    State files =
        Llb.scratch()
            .file(
                Llb.copy(Llb.local("jdk"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly())
                    .mkdir("/tmp", 01777));
    daemon.build(
        files.marshal(),
        SolveOptions.defaults()
            .withLocalDir("jdk", jdk)
            .withExports(
                image(
                    "jdk",
                    Map.of("containerimage.config", new String(config, StandardCharsets.UTF_8)))));
  }

  private SolveOptions.Export image(String name, Map<String, String> more) {
    Map<String, String> attrs = new HashMap<>(more);
    attrs.put("name", host + "/" + name);
    attrs.put("push", "true");
    return new SolveOptions.Export("image", attrs, Optional.empty());
  }

  private Path writeSources(String greeting) throws IOException {
    Path src = temp.resolve("src");
    Path directory = Files.createDirectories(src.resolve("com/example"));
    Files.writeString(
        directory.resolve("Main.java"),
        """
        package com.example;
        class Main {
          public static void main(String[] args) throws Exception {
            java.nio.file.Files.writeString(java.nio.file.Path.of(args[0]), Greeting.TEXT);
          }
        }
        """);
    Files.writeString(
        directory.resolve("Greeting.java"),
        "package com.example; class Greeting { static final String TEXT = \"" + greeting + "\"; }");
    return src;
  }

  private void buildApp(String greeting) throws Exception {
    assertThat(
            daemon.build(
                new JavaApp(host + "/jdk", MAIN),
                SolveOptions.defaults()
                    .withLocalDir("src", writeSources(greeting))
                    .withExports(image("app", Map.of()))))
        .contains("compile " + MAIN);
  }

  /** Runs the image as its config says. */
  private Path runApp() throws Exception {
    Map<String, Object> config =
        Json.parseObject(
            run("skopeo", "inspect", "--config", "--tls-verify=false", "docker://" + host + "/app")
                .getBytes(StandardCharsets.UTF_8),
            "config");
    List<String> entrypoint = Json.texts(Json.object(config, "config"), "Entrypoint");
    assertThat(entrypoint).containsExactly("java", "-cp", "/app/classes", MAIN);
    List<String> command = new ArrayList<>(entrypoint);
    command.add("/out/said");
    ExecState step =
        Llb.image(host + "/app", ResolveMode.FORCE_PULL)
            .withImageConfig(Json.bytes(config))
            .run(Llb.args(command.toArray(String[]::new)));
    build(step.addMount("/out", Llb.scratch()));
    return out.resolve("said");
  }

  private void build(State state) throws Exception {
    daemon.build(
        state.marshal(),
        SolveOptions.defaults()
            .withLocalDir("rootfs", daemon.rootfs())
            .withExports(SolveOptions.Export.local(out)));
  }

  @Test
  void aProgramIsCompiledIntoAnImageThatRunsIt() throws Exception {
    buildApp("hello");
    assertThat(runApp()).hasContent("hello");
    buildApp("good day");
    assertThat(runApp()).hasContent("good day");

    ExecState look =
        BusyboxLocal.rootfs()
            .run(
                Llb.shell("ls /cache > /out/cache"),
                Llb.addMount(
                    "/cache",
                    Llb.scratch(),
                    Llb.asPersistentCacheDir("java-app-javac", CacheSharing.LOCKED)));
    build(look.addMount("/out", Llb.scratch()));
    assertThat(out.resolve("cache")).hasContent("javac.jsa");
  }
}
