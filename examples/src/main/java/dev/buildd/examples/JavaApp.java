package dev.buildd.examples;

import dev.buildd.base.content.Platform;
import dev.buildd.base.json.Json;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Result;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.State;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Makes an image of a Java program, without a Dockerfile: {@code java-app --jdk eclipse-temurin:25
 * --src DIR --main com.example.Main --push registry.example/app}. The program's main class and what
 * it uses are compiled in the JDK's image, on which the program's image rests.
 *
 * @param jdk an image with {@code java} and {@code javac} in its PATH
 * @param mainClass is in {@code src} where its package says
 */
public record JavaApp(String jdk, String mainClass) implements Frontend {
  static final Map<String, String> FLAGS =
      ClientBuild.flags(
          Map.of("jdk", "docker.io/library/eclipse-temurin:25", "src", ".", "main", "Main"));

  private static final String CLASSES = "/app/classes";
  private static final String ARCHIVE = "/cache/javac.jsa";

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        FLAGS,
        flags ->
            ClientBuild.run(
                new JavaApp(flags.get("jdk"), flags.get("main")),
                flags,
                SolveOptions.defaults().withLocalDir("src", Path.of(flags.get("src")))));
  }

  /** A frontend, because what the image says of its environment has to be asked for first. */
  @Override
  public Result build(GatewayClient client) throws InterruptedException {
    byte[] config =
        client
            .resolveImageConfig(
                new ImageRequest(jdk, Optional.empty(), ResolveMode.DEFAULT, "", Optional.empty()))
            .config();
    MarshalOptions options =
        MarshalOptions.forDaemon(client.llbCaps(), Llb.platform(Platform.host().normalized()));
    return client
        .solve(GatewayClient.Request.of(image(config).marshal(options)))
        .withMetadata("containerimage.config", imageConfig(config));
  }

  private State image(byte[] jdkConfig) {
    State base = Llb.image(jdk).withImageConfig(jdkConfig);
    return base.file(
        Llb.mkdir("/app", 0755)
            .copy(classes(base), "/", CLASSES, FileAction.CopyOptions.DEFAULT.contentsOnly()),
        Llb.customName("put " + mainClass + " into the image"));
  }

  /** The compiler's own classes, loaded and linked, stay from build to build: it starts faster. */
  private State classes(State base) {
    ExecState compile =
        base.dir("/src")
            .run(
                Llb.args(
                    "javac",
                    "-J-XX:+AutoCreateSharedArchive",
                    "-J-XX:SharedArchiveFile=" + ARCHIVE,
                    "-sourcepath",
                    "/src",
                    "-d",
                    "/out",
                    mainClass.replace('.', '/') + ".java"),
                Llb.addMount("/src", sources(), Llb.readonly()),
                Llb.addMount(
                    "/cache",
                    Llb.scratch(),
                    Llb.asPersistentCacheDir("java-app-javac", CacheSharing.LOCKED)),
                Llb.customName("compile " + mainClass));
    return compile.addMount("/out", Llb.scratch());
  }

  private static State sources() {
    return Llb.local(
        "src", Llb.includePatterns(List.of("**/*.java")), Llb.customName("load sources"));
  }

  /** Of the JDK's image its platform and environment; the rest is this program's. */
  private byte[] imageConfig(byte[] jdkConfig) {
    Map<String, Object> base = Json.parseObject(jdkConfig, "config of " + jdk);
    Map<String, Object> out = new LinkedHashMap<>();
    for (String name : List.of("architecture", "os", "variant")) {
      if (!Json.text(base, name).isEmpty()) {
        out.put(name, Json.text(base, name));
      }
    }
    out.put(
        "config",
        Map.of(
            "Env", Json.texts(Json.object(base, "config"), "Env"),
            "Entrypoint", List.of("java", "-cp", CLASSES, mainClass)));
    return Json.bytes(out);
  }
}
