package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.client.BuildClient;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A developer points {@code docker buildx} at our daemon and sees no difference. */
@Tag("root")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class BuildxTest {
  private static final String BASE =
      """
      FROM scratch AS base
      COPY rootfs /
      ENV PATH=/bin
      """;

  @TempDir static Path temp;
  private static Machine machine;
  private static Programs programs;
  private static Buildx buildx;
  private static String registry;

  @BeforeAll
  static void start() throws Exception {
    Path context = Files.createDirectories(temp.resolve("ctx"));
    Machine.busybox(context);
    Files.writeString(context.resolve("file"), "of the context\n");
    Files.writeString(context.resolve("ignored"), "not to be sent\n");
    Files.writeString(context.resolve(".dockerignore"), "ignored\n");
    programs = new Programs(temp);
    registry = "localhost:" + programs.serveRegistry();
    machine = new Machine(temp);
    buildx = new Buildx(temp, machine.address(), Map.of("TOKEN", "of the environment"));
  }

  @AfterAll
  static void stop() throws Exception {
    machine.close();
    programs.close();
  }

  private static String toDirectory(String name) {
    return "type=local,dest=" + temp.resolve(name);
  }

  private static String read(String name) throws Exception {
    return Files.readString(temp.resolve(name));
  }

  @Test
  void stagesHeredocsSecretsAndCacheMounts() throws Exception {
    Files.writeString(temp.resolve("secret"), "of a file\n");
    String dockerfile =
        BASE
            + """
            FROM base AS made
            ARG WHO=nobody
            WORKDIR /made
            COPY <<EOF greeting
            hello $WHO
            EOF
            COPY . context
            RUN --mount=type=secret,id=file --mount=type=secret,id=variable,env=TOKEN \\
                --mount=type=cache,target=/var/cache,sharing=locked <<EOF
            set -e
            cat /run/secrets/file > secrets
            echo "$TOKEN" >> secrets
            echo run >> /var/cache/log
            cat /var/cache/log > log
            ls context > files
            EOF
            FROM scratch
            COPY --from=made /made/greeting /made/secrets /made/log /made/files /
            """;
    buildx.built(
        dockerfile,
        "--build-arg=WHO=you",
        "--secret=id=file,src=secret",
        "--secret=id=variable,env=TOKEN",
        "--output=" + toDirectory("stages"));
    assertThat(read("stages/greeting")).isEqualTo("hello you\n");
    assertThat(read("stages/secrets")).isEqualTo("of a file\nof the environment\n");
    assertThat(read("stages/log")).isEqualTo("run\n");
    assertThat(read("stages/files")).isEqualTo("file\nrootfs\n");
    String again =
        buildx.built(
            dockerfile,
            "--build-arg=WHO=you",
            "--secret=id=file,src=secret",
            "--secret=id=variable,env=TOKEN",
            "--output=" + toDirectory("stages"));
    assertThat(again).containsPattern("\\[made 4/4] RUN .*\\R#\\d+ CACHED");
    String changed =
        buildx.built(
            dockerfile.replace("ls context", "ls -a context"),
            "--build-arg=WHO=you",
            "--secret=id=file,src=secret",
            "--secret=id=variable,env=TOKEN",
            "--output=" + toDirectory("stages"));
    assertThat(changed).doesNotContain("of a file", "of the environment");
    assertThat(read("stages/log")).as("the cache mount is kept").isEqualTo("run\nrun\n");
  }

  @Test
  void keysAreForwardedToSteps() throws Exception {
    Programs.run(temp, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key");
    String dockerfile =
        BASE + "RUN --mount=type=ssh test -S \"$SSH_AUTH_SOCK\" && echo there > /ssh\n";
    buildx.built(dockerfile, "--ssh=default=key", "--output=" + toDirectory("ssh"));
    assertThat(read("ssh/ssh")).isEqualTo("there\n");
    assertThat(buildx.build(dockerfile, "--no-cache", "--ssh=other=key").out())
        .contains("failed to solve");
  }

  @Test
  void twoPlatformsBecomeOneIndex() throws Exception {
    buildx.built(
        """
        FROM scratch
        ARG TARGETARCH
        COPY file /file-$TARGETARCH
        """,
        "--platform=linux/amd64,linux/arm64",
        "--output=type=image,name=" + registry + "/two:1,push=true");
    assertThat(Programs.manifest(temp, registry + "/two:1"))
        .contains("\"architecture\": \"amd64\"", "\"architecture\": \"arm64\"", "image.index");
    for (String architecture : List.of("amd64", "arm64")) {
      buildx.built(
          "FROM --platform=linux/" + architecture + " " + registry + "/two:1\n",
          "--output=" + toDirectory("two-" + architecture));
      assertThat(read("two-" + architecture + "/file-" + architecture))
          .isEqualTo("of the context\n");
    }
  }

  @Test
  void namedContextsTakeThePlaceOfStagesAndImages() throws Exception {
    Files.writeString(
        Files.createDirectories(temp.resolve("other")).resolve("name"), "of another\n");
    buildx.built(
        """
        FROM scratch AS replaced
        COPY file /name
        FROM scratch
        COPY --from=replaced /name /a
        COPY --from=other /name /b
        """,
        "--build-context=replaced=other",
        "--build-context=other=other",
        "--output=" + toDirectory("named"));
    assertThat(read("named/a") + read("named/b")).isEqualTo("of another\nof another\n");
  }

  @Test
  void whatWasPushedIsCacheForAnEmptyDaemon() throws Exception {
    String dockerfile = BASE + "RUN echo costly > /made\n";
    for (String kind : List.of("inline", "registry")) {
      String image = registry + "/cached-" + kind + ":1";
      String cache =
          kind.equals("inline")
              ? "type=inline"
              : "type=registry,mode=max,ref=" + registry + "/cache:" + kind;
      buildx.built(dockerfile, "--tag=" + image, "--push", "--cache-to=" + cache);
      buildx.ok("prune", "--all", "--force");
      String again =
          buildx.built(
              dockerfile,
              "--cache-from=" + (kind.equals("inline") ? "type=registry,ref=" + image : cache),
              "--output=" + toDirectory("cached-" + kind));
      assertThat(again)
          .containsPattern("(#\\d+) \\[2/2] RUN echo costly > /made\\R(\\1 .*\\R)*\\1 CACHED");
      assertThat(read("cached-" + kind + "/made")).isEqualTo("costly\n");
    }
  }

  @Test
  void callsAreAnswered() throws Exception {
    String dockerfile =
        """
        # GREETING is what is said
        ARG GREETING=hello
        # first is the first of two
        FROM scratch as first
        COPY file /
        FROM first AS second
        ARG GREETING
        LABEL said=$GREETING
        """;
    assertThat(buildx.build(dockerfile, "--call=check"))
        .satisfies(outcome -> assertThat(outcome.code()).isEqualTo(1))
        .extracting(Buildx.Outcome::out)
        .asString()
        .contains(
            "FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
            ">>> FROM scratch as first");
    assertThat(buildx.built(dockerfile, "--call=outline")).containsPattern("GREETING +hello");
    assertThat(buildx.built(dockerfile, "--call=targets"))
        .containsPattern("first +is the first of two")
        .contains("second (default)");
  }

  @Test
  void linkedTargetsAreBakedTogether() throws Exception {
    Files.writeString(temp.resolve("lower.Dockerfile"), "FROM scratch\nCOPY file /lower\n");
    Files.writeString(temp.resolve("upper.Dockerfile"), "FROM lower\nCOPY file /upper\n");
    Files.writeString(
        temp.resolve("docker-bake.hcl"),
        """
        target "lower" {
          context = "ctx"
          dockerfile = "../lower.Dockerfile"
        }
        target "upper" {
          context = "ctx"
          dockerfile = "../upper.Dockerfile"
          contexts = { lower = "target:lower" }
          output = ["type=local,dest=baked"]
        }
        """);
    buildx.ok("bake", "--allow=fs=*", "--progress=plain", "upper");
    assertThat(read("baked/lower") + read("baked/upper"))
        .isEqualTo("of the context\nof the context\n");
  }

  @Test
  void faultsAreShownWhereTheyAre() throws Exception {
    assertThat(buildx.build("FROM scratch\nCOPYY file /\n"))
        .satisfies(outcome -> assertThat(outcome.code()).isEqualTo(1))
        .extracting(Buildx.Outcome::out)
        .asString()
        .contains(
            ">>> COPYY file /",
            "dockerfile parse error on line 2: unknown instruction: COPYY (did you mean COPY?)");
    String failed = buildx.build(BASE + "RUN echo first && \\\n    sh -c 'exit 7'\n").out();
    assertThat(failed)
        .contains(
            ">>> RUN echo first && \\",
            ">>>     sh -c 'exit 7'",
            "[2/2] RUN echo first &&     sh -c 'exit 7'",
            "did not complete successfully: exit code: 7");
  }

  /** {@code buildx debug} opens a shell in the container of the step that failed. */
  @Test
  void aFailedStepIsLookedInto() throws Exception {
    Files.writeString(
        temp.resolve("debug.Dockerfile"),
        BASE + "RUN echo before > /state\nRUN echo half > /half; exit 7\n");
    try (Buildx.Terminal terminal =
        buildx.terminal(
            "debug",
            "--on=error",
            "--invoke=/bin/sh",
            "build",
            "--progress=plain",
            "--file=debug.Dockerfile",
            "ctx")) {
      terminal.await("/ # ");
      terminal.type("cat /state /half");
      terminal.await("before\r\nhalf");
      terminal.type("exit");
      terminal.await("(buildx) ");
      terminal.type("exit");
      assertThat(terminal.end()).contains("exit code: 7");
    }
  }

  /** The trace of a build, once the daemon waits for no more of it. */
  private static String trace(String ref) throws Exception {
    try (BuildClient client = machine.client()) {
      client.updateHistory(
          UpdateBuildHistoryRequest.newBuilder().setRef(ref).setFinalize(true).build());
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      List<Digest> traces = new ArrayList<>();
      client.history(
          BuildHistoryRequest.newBuilder().setRef(ref).setEarlyExit(true).build(),
          event -> traces.add(Digest.parse(event.getRecord().getTrace().getDigest())));
      client.readBlob(traces.getFirst(), out);
      return out.toString(UTF_8);
    }
  }

  @Test
  void usageAndHistoryAreListed() throws Exception {
    String out =
        buildx.built(
            BASE + "RUN echo said in a step\n", "--metadata-file=metadata.json", "--no-cache");
    assertThat(out).contains("said in a step");
    Matcher ref =
        Pattern.compile("\"buildx.build.ref\": \"[^\"]*/([a-z0-9]+)\"")
            .matcher(read("metadata.json"));
    assertThat(ref.find()).isTrue();
    String id = ref.group(1);
    assertThat(buildx.ok("history", "ls")).contains(id);
    assertThat(buildx.ok("history", "logs", id)).contains("said in a step");
    assertThat(buildx.ok("history", "inspect", id)).contains("Build Steps:\t5/5 (0% cached)");
    assertThat(trace(id))
        .as("the client's own work beside the daemon's")
        .contains("\"Name\":\"build\",", "{\"Type\":\"STRING\",\"Value\":\"buildx\"}");
    buildx.ok("history", "export", "--output=record.tar", id);
    assertThat(Programs.run(temp, "tar", "-tf", "record.tar")).contains("index.json", "blobs/");
    buildx.ok("history", "rm", id);
    assertThat(buildx.ok("history", "ls")).doesNotContain(id);
    assertThat(buildx.ok("du")).containsPattern("Total:\\s+[1-9]");
    assertThat(buildx.ok("inspect")).containsPattern("Platforms: +linux/amd64");
  }

  /** What buildx tells when a build has ended; BuildKit's own programs tell nothing of the kind. */
  @Test
  void buildxSumsUpWhatWasWarnedOf() throws Exception {
    assertThat(buildx.built("FROM scratch\nMAINTAINER somebody\nCOPY file /\n"))
        .containsPattern("1 warning found .*\\R.* - MaintainerDeprecated: .*\\(line 2\\)");
  }

  @Test
  void reasonsAreShownToThoseWhoAsk() throws Exception {
    String dockerfile = BASE + "COPY explained /e\nRUN cat /e > /f\n";
    Files.writeString(temp.resolve("ctx/explained"), "one");
    buildx.built(dockerfile);
    Files.writeString(temp.resolve("ctx/explained"), "two");
    assertThat(buildx.built(dockerfile, "--build-arg=BUILDKIT_EXPLAIN=1"))
        .contains("why: explained: content ([internal] load build context)")
        .containsPattern("why: input \\[.*COPY explained /e changed");
  }
}
