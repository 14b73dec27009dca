package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@link ExplainTest} changes between two builds, changed between two of {@code docker buildx
 * build --progress=plain}: who asks with {@code BUILDKIT_EXPLAIN=1} reads why a step ran.
 */
@Tag("root")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class BuildxExplainTest {
  private static final String CONTEXT = "([internal] load build context)";
  private static final String ASKING = "--build-arg=BUILDKIT_EXPLAIN=1";
  private static final String BASE = "FROM scratch\nCOPY rootfs /\nENV PATH=/bin\n";
  private static final String FILES = "FROM scratch\nCOPY src /src\n";

  @TempDir static Path temp;
  private static Machine machine;
  private static Programs programs;
  private static Buildx buildx;
  private static String registry;
  private static int tests;

  private String unique = "";
  private Path source = Path.of("");

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(Files.createDirectories(temp.resolve("ctx")));
    programs = new Programs(temp);
    registry = "localhost:" + programs.serveRegistry();
    machine = new Machine(temp);
    buildx = new Buildx(temp, machine.address(), Map.of());
  }

  @AfterAll
  static void stop() {
    machine.close();
    programs.close();
  }

  @BeforeEach
  void files() throws Exception {
    unique = "unique" + ++tests;
    source = Files.createDirectories(temp.resolve("ctx/src"));
    Files.writeString(source.resolve("main.c"), "int main() { /* " + unique + " */ }\n");
    Files.setPosixFilePermissions(
        source.resolve("main.c"), PosixFilePermissions.fromString("rw-r--r--"));
  }

  private static String explained(String dockerfile, String... flags) throws Exception {
    String[] all = new String[flags.length + 1];
    System.arraycopy(flags, 0, all, 0, flags.length);
    all[flags.length] = ASKING;
    return buildx.built(dockerfile, all);
  }

  @Test
  void contentOfAFile() throws Exception {
    buildx.built(FILES);
    Files.writeString(source.resolve("main.c"), "int MAIN() { /* " + unique + " */ }\n");
    assertThat(explained(FILES)).contains("why: src/main.c: content " + CONTEXT);
  }

  @Test
  void modeOfAFile() throws Exception {
    buildx.built(FILES);
    Files.setPosixFilePermissions(
        source.resolve("main.c"), PosixFilePermissions.fromString("rwxr-x---"));
    assertThat(explained(FILES)).contains("why: src/main.c: mode 0644 → 0750 " + CONTEXT);
  }

  @Test
  void aFileThatCame() throws Exception {
    buildx.built(FILES);
    Files.writeString(source.resolve(unique), "new\n");
    assertThat(explained(FILES)).contains("why: src/" + unique + ": added " + CONTEXT);
  }

  @Test
  void argument() throws Exception {
    buildx.built(BASE + "RUN true " + unique + "\n");
    assertThat(explained(BASE + "RUN true " + unique + " --fast\n"))
        .contains("why: argument 2: \"true " + unique + "\" → \"true " + unique + " --fast\"");
  }

  @Test
  void environment() throws Exception {
    String dockerfile = BASE + "ARG LEVEL\nRUN true " + unique + "\n";
    buildx.built(dockerfile, "--build-arg=LEVEL=1");
    assertThat(explained(dockerfile, "--build-arg=LEVEL=2"))
        .contains("why: environment variable LEVEL: \"1\" → \"2\"");
  }

  @Test
  void digestOfTheBase() throws Exception {
    String image = registry + "/" + unique + ":1";
    String base = "FROM scratch\nCOPY src /" + unique + "\nLABEL is=";
    String push = "--output=type=image,name=" + image + ",push=true";
    String dockerfile = "FROM " + image + "\nCOPY src /again\n";
    buildx.built(base + "one\n", push);
    buildx.built(dockerfile);
    Files.writeString(source.resolve("main.c"), "int other;\n");
    buildx.built(base + "two\n", push);
    assertThat(explained(dockerfile))
        .containsPattern("why: docker-image://" + image + " is now sha256:\\w+, was sha256:\\w+");
  }

  @Test
  void mount() throws Exception {
    String step = "RUN --mount=type=tmpfs,target=/%s true " + unique + "\n";
    buildx.built(BASE + step.formatted("a"));
    assertThat(explained(BASE + step.formatted("b")))
        .contains("why: mount /a removed (and 1 more)");
  }

  @Test
  void platform() throws Exception {
    String dockerfile = BASE + "RUN true " + unique + "\n";
    buildx.built(dockerfile, "--platform=linux/amd64");
    assertThat(explained(dockerfile, "--platform=linux/amd64/v2"))
        .contains("why: platform: \"linux/amd64\" → \"linux/amd64/v2\"");
  }

  @Test
  void aRecordThatWasCollected() throws Exception {
    String dockerfile = BASE + "RUN true " + unique + "\n";
    buildx.built(dockerfile);
    buildx.ok("prune", "--all", "--force");
    assertThat(explained(dockerfile))
        .containsPattern("why: .*no longer in the cache: removed at .* by ");
  }

  @Test
  void anImportedCacheWithoutABlob() throws Exception {
    String cache = registry + "/cache-" + unique + ":1";
    String dockerfile = BASE + "RUN echo " + unique + " > /made\n";
    buildx.built(dockerfile, "--cache-to=type=registry,mode=max,ref=" + cache);
    programs.loseBlobs(100_000); // busybox's layer is among them
    Path elsewhere = Files.createDirectories(temp.resolve("elsewhere"));
    try (Machine other = new Machine(elsewhere)) {
      Files.createSymbolicLink(elsewhere.resolve("ctx"), temp.resolve("ctx"));
      Buildx there = new Buildx(elsewhere, other.address(), Map.of());
      assertThat(there.built(dockerfile, "--cache-from=type=registry,ref=" + cache, ASKING))
          .containsPattern("why: .*a cached result could not be had.*cache-" + unique);
    }
  }
}
