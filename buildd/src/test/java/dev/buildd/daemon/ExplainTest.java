package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.client.BuildClient;
import dev.buildd.client.BuildExplanation;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.RunOption;
import dev.buildd.llb.State;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Something changes between two builds, and the daemon says what it was. */
@Tag("root")
class ExplainTest {
  @TempDir static Path temp;
  private static Machine machine;
  private static Programs programs;
  private static String registry;
  private static int builds;

  private Path source;
  private String lastRef = "";

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(temp);
    programs = new Programs(temp);
    registry = "127.0.0.1:" + programs.serveRegistry();
    machine = new Machine(temp);
  }

  @AfterAll
  static void stop() {
    machine.close();
    programs.close();
  }

  @BeforeEach
  void files() throws Exception {
    source = Files.createDirectories(temp.resolve("src" + ++builds));
    Files.writeString(source.resolve("main.c"), "int main() {}\n");
    Files.writeString(source.resolve("unique"), unique());
    Files.writeString(source.resolve("other.c"), "int other;\n");
    Files.createDirectories(source.resolve("lib"));
    Files.writeString(source.resolve("lib/deep.c"), "int deep;\n");
  }

  private String unique() {
    return source.getFileName().toString();
  }

  /** The files of the client and a step upon them; names do not depend on what changes. */
  private State copied() {
    State files =
        Llb.local("src", Llb.customName("context of " + unique()), Llb.sharedKeyHint(unique()));
    return Machine.base()
        .file(
            Llb.copy(files, "/", "/src", FileAction.CopyOptions.DEFAULT.contentsOnly()),
            Llb.customName("files of " + unique()));
  }

  private State step(State base, String argument, RunOption... more) {
    List<RunOption> options = new ArrayList<>(List.of(more));
    options.add(Llb.args("/bin/sh", "-c", "true " + argument));
    options.add(Llb.customName("step of " + unique()));
    return base.run(options.toArray(RunOption[]::new)).root();
  }

  private SolveOptions options() {
    return machine.options().withLocalDir("src", source);
  }

  private Set<String> build(Machine where, State state, SolveOptions options) throws Exception {
    lastRef = "explained" + ++builds;
    Set<String> told = new HashSet<>();
    try (BuildClient client = where.client()) {
      client.solve(
          Optional.of(state.marshal()),
          options.withRef(lastRef),
          (SolveStatus status) -> status.statuses().forEach(part -> told.add(part.id())));
    }
    return told;
  }

  private BuildExplanation.Step explained(Machine where, String step) throws Exception {
    List<BuildHistoryRecord> found = new ArrayList<>();
    ByteArrayOutputStream blob = new ByteArrayOutputStream();
    try (BuildClient client = where.client()) {
      client.history(
          BuildHistoryRequest.newBuilder().setRef(lastRef).setEarlyExit(true).build(),
          event -> found.add(event.getRecord()));
      client.readBlob(Digest.parse(found.getFirst().getExplanation().getDigest()), blob);
    }
    List<BuildExplanation.Step> steps = BuildExplanation.of(blob.toByteArray()).steps();
    return steps.stream()
        .filter(one -> one.name().contains(step))
        .findFirst()
        .orElseThrow(() -> new AssertionError(step + " is not among " + steps));
  }

  private BuildExplanation.Step explained(String step) throws Exception {
    return explained(machine, step);
  }

  private void build(State state) throws Exception {
    build(machine, state, options());
  }

  private void assertChange(String step, String... details) throws Exception {
    BuildExplanation.Step explained = explained(step);
    assertThat(explained.outcome()).isEqualTo("ran");
    assertThat(explained.kind()).isEqualTo("changed");
    assertThat(explained.details()).containsExactly(details);
    assertThat(explained.summary()).startsWith(details[0]);
    assertThat(explained.build()).startsWith("explained").isNotEqualTo(lastRef);
  }

  @Test
  void theFirstRunIsTheFirst() throws Exception {
    build(step(copied(), unique()));
    assertThat(explained("step of").kind()).isEqualTo("first");
    assertThat(explained("step of").outcome()).isEqualTo("ran");
  }

  @Test
  void contentOfAFile() throws Exception {
    build(copied());
    Files.writeString(source.resolve("lib/deep.c"), "int DEEP;\n");
    build(copied());
    assertChange("files of", "lib/deep.c: content (context of " + unique() + ")");
  }

  @Test
  void modeOfAFile() throws Exception {
    build(copied());
    Files.setPosixFilePermissions(
        source.resolve("main.c"), PosixFilePermissions.fromString("rwxr-x---"));
    build(copied());
    assertChange("files of", "main.c: mode 0644 → 0750 (context of " + unique() + ")");
    Files.setPosixFilePermissions(
        source.resolve("main.c"), PosixFilePermissions.fromString("rw-------"));
    Files.writeString(source.resolve("main.c"), "int MAIN() {}\n"); // as long as before
    build(copied());
    assertChange("files of", "main.c: content, mode 0750 → 0600 (context of " + unique() + ")");
  }

  @Test
  void filesThatCameAndWent() throws Exception {
    build(copied());
    Files.createDirectories(source.resolve("new/below"));
    Files.writeString(source.resolve("new/below/file"), "x");
    Files.delete(source.resolve("other.c"));
    build(step(copied(), unique()));
    assertChange(
        "files of",
        "new/below/file: added (context of " + unique() + ")",
        "other.c: removed (context of " + unique() + ")");
    build(step(copied(), unique()));
    assertThat(explained("step of").kind()).as("unchanged since").isEqualTo("hit");
  }

  @Test
  void whatDependsOnAStepThatRanSaysSo() throws Exception {
    build(step(copied(), unique()));
    Files.writeString(source.resolve("main.c"), "int main() { return 1; }\n");
    build(step(copied(), unique()));
    assertChange("step of", "input files of " + unique() + " changed");
  }

  @Test
  void argument() throws Exception {
    build(step(copied(), unique()));
    build(step(copied(), unique() + " --fast"));
    assertChange(
        "step of", "argument 2: \"true " + unique() + "\" → \"true " + unique() + " --fast\"");
  }

  @Test
  void environment() throws Exception {
    State base = copied();
    build(step(base, unique(), Llb.addEnv("LEVEL", "1"), Llb.addEnv("API_KEY", "hidden1")));
    build(
        step(
            base,
            unique(),
            Llb.addEnv("LEVEL", "2"),
            Llb.addEnv("API_KEY", "hidden2"),
            Llb.addEnv("MORE", "")));
    assertChange(
        "step of",
        "environment variable LEVEL: \"1\" → \"2\"",
        "environment variable API_KEY changed",
        "environment variable MORE added");
  }

  @Test
  void mount() throws Exception {
    State base = copied();
    build(step(base, unique(), Llb.addMount("/a", Llb.scratch(), Llb.tmpfs(0))));
    build(step(base, unique(), Llb.addMount("/b", Llb.scratch(), Llb.tmpfs(0))));
    assertChange("step of", "mount /a removed", "mount /b added");
  }

  @Test
  void platform() throws Exception {
    build(step(copied(), unique()));
    build(step(copied().platform(Platform.parse("linux/amd64/v2")), unique()));
    assertChange("step of", "platform: \"linux/amd64\" → \"linux/amd64/v2\"");
  }

  @Test
  void digestOfTheBase() throws Exception {
    String image = registry + "/" + unique() + ":1";
    push(image, "one");
    State copy =
        Llb.scratch()
            .file(Llb.copy(Llb.image(image), "/f", "/f"), Llb.customName("take " + unique()));
    build(copy);
    push(image, "two");
    build(copy);
    BuildExplanation.Step taken = explained("take");
    assertThat(taken.details()).containsExactly("f: content (docker-image://" + image + ")");
    assertThat(explained("docker-image://").summary())
        .matches("docker-image://" + image + " is now sha256:\\w+, was sha256:\\w+");
  }

  private void push(String image, String content) throws Exception {
    machine.export(
        Llb.scratch().file(Llb.mkfile("/f", 0644, content + unique())),
        new SolveOptions.Export("image", Map.of("name", image, "push", "true"), Optional.empty()));
  }

  @Test
  void aRecordThatWasCollected() throws Exception {
    build(step(copied(), unique()));
    try (BuildClient client = machine.client()) {
      client.prune(
          new BuildClient.PruneOptions(List.of(), true, Duration.ZERO, 0, 0, 0), record -> {});
    }
    build(step(copied(), unique()));
    BuildExplanation.Step explained = explained("step of");
    assertThat(explained.kind()).isEqualTo("removed");
    assertThat(explained.summary()).contains("no longer in the cache: removed at ", " by ");
  }

  @Test
  void aCacheWithoutABlob() throws Exception {
    CacheEntry cache =
        new CacheEntry(
            "registry", Map.of("ref", registry + "/cache-" + unique() + ":1", "mode", "max"));
    State state = step(copied(), unique());
    build(machine, state, options().withCaches(List.of(cache), List.of()));
    programs.loseBlobs(100_000); // busybox's layer is among them
    Path elsewhere = Files.createDirectories(temp.resolve("elsewhere"));
    try (Machine other = new Machine(elsewhere)) {
      build(other, state, options().withCaches(List.of(), List.of(cache)));
      BuildExplanation.Step explained = explained(other, "step of");
      assertThat(explained.kind()).isEqualTo("lost");
      assertThat(explained.summary()).contains("a cached result could not be had", "cache-");
    }
  }

  @Test
  void noCacheWasAskedFor() throws Exception {
    build(step(copied(), unique()));
    build(step(copied(), unique(), Llb.ignoreCache()));
    assertThat(explained("step of").kind()).isEqualTo("forced");
  }

  @Test
  void clientsThatAskAreToldWhileTheyBuild() throws Exception {
    State state = step(copied(), unique());
    assertThat(build(machine, state, options())).noneMatch(id -> id.startsWith("why: "));
    Files.writeString(source.resolve("main.c"), "changed\n");
    Set<String> told =
        build(
            machine, state, options().withFrontend("", Map.of("build-arg:BUILDKIT_EXPLAIN", "1")));
    assertThat(told)
        .contains(
            "why: main.c: content (context of " + unique() + ")",
            "why: input files of " + unique() + " changed");
  }
}
