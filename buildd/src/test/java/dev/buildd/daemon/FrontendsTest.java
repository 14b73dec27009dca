package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.Llb;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.llb.State;
import dev.buildd.session.filesync.source.FileStat;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What frontends are promised, whether they run inside the daemon or in a client: each test runs
 * one frontend both ways.
 */
@Tag("root")
@Timeout(120)
final class FrontendsTest {
  private static final String INNER = "inner.v0";
  private static final String PROBE = "probe.v0";
  private static final AtomicReference<Frontend> probe = new AtomicReference<>();

  @TempDir static Path directory;
  private static OwnDaemon daemon;
  private static Programs programs;
  private static String image;

  @BeforeAll
  static void start() throws Exception {
    daemon =
        new OwnDaemon(
            directory,
            new Daemon.Extensions(
                Map.of(PROBE, gateway -> seen(probe).build(gateway), INNER, FrontendsTest::inner),
                List.of()));
    programs = new Programs(directory);
    image = "localhost:" + programs.serveRegistry() + "/probe:v1";
    daemon.push(image);
  }

  @AfterAll
  static void stop() {
    daemon.close();
    programs.close();
  }

  /** Where a frontend runs. */
  enum Place {
    IN_THE_DAEMON {
      @Override
      SortedMap<String, String> build(
          BuildClient client, Frontend frontend, SolveOptions options, Consumer<SolveStatus> news)
          throws Exception {
        probe.set(frontend);
        return client
            .solve(Optional.empty(), options.withFrontend(PROBE, options.frontendAttrs()), news)
            .exporterResponse();
      }
    },
    IN_THE_CLIENT {
      @Override
      SortedMap<String, String> build(
          BuildClient client, Frontend frontend, SolveOptions options, Consumer<SolveStatus> news)
          throws Exception {
        return client.build(frontend, options, news).exporterResponse();
      }
    };

    abstract SortedMap<String, String> build(
        BuildClient client, Frontend frontend, SolveOptions options, Consumer<SolveStatus> news)
        throws Exception;

    /** Runs the frontend; gives what the exporters tell. */
    SortedMap<String, String> build(Frontend frontend, SolveOptions options) throws Exception {
      try (BuildClient client = daemon.client()) {
        return build(client, frontend, options, status -> {});
      }
    }

    /** Runs the frontend for what it finds out. */
    void run(Frontend frontend) throws Exception {
      build(frontend, daemon.options());
    }
  }

  /** A frontend that others may call: a file with one of its options, and an input of its own. */
  private static Result inner(GatewayClient gateway) throws Exception {
    State made =
        Llb.scratch().file(Llb.mkfile("/inner", 0644, gateway.options().getOrDefault("text", "")));
    Reference files = solved(gateway, made);
    Result result = Result.of(files).withMetadata("inner", "told".getBytes(UTF_8));
    Definition input = gateway.inputs().get("in");
    return input == null
        ? result
        : Result.of(
            Map.of(
                "made", Optional.of(files),
                "given", gateway.solve(GatewayClient.Request.of(input)).single()));
  }

  private static <T> T seen(AtomicReference<T> reference) {
    return Objects.requireNonNull(reference.get());
  }

  private static <T> T in(Map<String, T> map, String key) {
    return Objects.requireNonNull(map.get(key), key);
  }

  private static Reference solved(GatewayClient gateway, State state) throws Exception {
    return gateway.solve(GatewayClient.Request.of(state.marshal())).single().orElseThrow();
  }

  private static State files() {
    return Llb.scratch()
        .file(
            Llb.mkdir("/d", 0750)
                .mkfile("/d/one", 0640, "content of one")
                .mkfile("/d/two", 0644, "2")
                .symlink("one", "/d/link")
                .symlink("/../../../etc", "/out"));
  }

  /** What was seen, in words: equal in all places. */
  private static List<String> seenBy(Place place, Function<GatewayClient, List<String>> look)
      throws Exception {
    AtomicReference<List<String>> seen = new AtomicReference<>(List.of());
    place.run(gateway -> {
      seen.set(look.apply(gateway));
      return Result.empty();
    });
    return seen(seen);
  }

  /** Something that a frontend does. */
  @FunctionalInterface
  private interface Step {
    Object run() throws Exception;
  }

  private static String attempt(Step step) {
    try {
      Object value = step.run();
      return value instanceof byte[] bytes ? new String(bytes, UTF_8) : String.valueOf(value);
    } catch (SolveException e) {
      return e.category() + " " + e.getMessage();
    } catch (Exception e) {
      throw new AssertionError("not what frontends are promised", e);
    }
  }

  private static void assertSeenEverywhere(
      Function<GatewayClient, List<String>> look, String... expected) throws Exception {
    for (Place place : Place.values()) {
      assertThat(seenBy(place, look)).as("%s", place).containsExactly(expected);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatWasAskedForIsTold(Place place) throws Exception {
    Definition input = Llb.scratch().file(Llb.mkfile("/in", 0644, "given")).marshal();
    AtomicReference<String> seen = new AtomicReference<>("");
    place.build(
        gateway -> {
          assertThat(gateway.options()).containsEntry("target", "t");
          assertThat(gateway.sessionId()).isNotEmpty();
          assertThat(gateway.product()).isEqualTo(place == Place.IN_THE_DAEMON ? "buildkit" : "");
          assertThat(gateway.workers())
              .singleElement()
              .satisfies(worker -> {
                assertThat(worker.platforms()).contains(Platform.host());
                assertThat(worker.labels()).isNotEmpty();
              });
          assertThat(gateway.frontendCaps()).contains("solve.base", "statfile");
          assertThat(gateway.llbCaps()).contains("exec.meta.base", "source.git");
          Definition given = in(gateway.inputs(), "in");
          assertThat(given.toProto()).isEqualTo(input.toProto());
          Reference ref = gateway.solve(GatewayClient.Request.of(given)).single().orElseThrow();
          seen.set(new String(ref.readFile("/in"), UTF_8));
          return Result.empty();
        },
        daemon
            .options()
            .withFrontend("", Map.of("target", "t"))
            .withFrontendInputs(Map.of("in", input)));
    assertThat(seen).hasValue("given");
  }

  @Test
  void filesOfResultsAreRead() throws Exception {
    assertSeenEverywhere(
        gateway -> {
          Reference ref = solve(gateway, files());
          return List.of(
              attempt(() -> ref.readFile("d/one")),
              attempt(() -> ref.readFile("/d/link")),
              attempt(() -> ref.readFile("/d/one", 8, 2)),
              attempt(() -> ref.readFile("/d/one", 8, 0)),
              attempt(() -> ref.readFile("/d/one", 100, 1)),
              attempt(() -> ref.readFile("none")),
              attempt(() -> ref.readFile("/d")),
              attempt(() -> ref.readFile("/out/passwd")),
              attempt(() -> ref.definition().orElseThrow().terminal().isPresent()));
        },
        "content of one",
        "content of one",
        "of",
        "of one",
        "",
        "UNKNOWN open none: no such file or directory",
        "INVALID_ARGUMENT open /d: not a regular file",
        "UNKNOWN open /out/passwd: no such file or directory",
        "true");
  }

  private static Reference solve(GatewayClient gateway, State state) {
    try {
      return solved(gateway, state);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static String words(FileStat stat) {
    return stat.path()
        + " "
        + Integer.toOctalString(stat.mode())
        + " "
        + stat.size()
        + (stat.linkName().isEmpty() ? "" : " -> " + stat.linkName());
  }

  @Test
  void directoriesAreListed() throws Exception {
    assertSeenEverywhere(
        gateway -> {
          Reference ref = solve(gateway, files());
          return List.of(
              attempt(() -> ref.readDir("/d", "").stream().map(FrontendsTest::words).toList()),
              attempt(() -> ref.readDir("d", "t*").stream().map(FrontendsTest::words).toList()),
              attempt(() -> words(ref.statFile("/"))),
              attempt(() -> words(ref.statFile("/d"))),
              attempt(() -> ref.readDir("/d/one", "")),
              attempt(() -> ref.readDir("/none", "")),
              attempt(() -> ref.statFile("/none")));
        },
        "[link 1000000777 3 -> one, one 640 14, two 644 1]",
        "[two 644 1]",
        "/ 20000000755 0",
        "d 20000000750 0",
        "UNKNOWN open /d/one: not a directory",
        "UNKNOWN open /none: no such file or directory",
        "UNKNOWN lstat /none: no such file or directory");
  }

  @Test
  void nothingIsTheEmptyFilesystem() throws Exception {
    assertSeenEverywhere(
        gateway ->
            List.of(
                attempt(
                    () -> gateway.solve(GatewayClient.Request.of(Definition.empty())).single())),
        "Optional.empty");
  }

  @Test
  void otherFrontendsMayBeAsked() throws Exception {
    Definition input = Llb.scratch().file(Llb.mkfile("/in", 0644, "given")).marshal();
    assertSeenEverywhere(
        gateway -> {
          GatewayClient.Request plain = GatewayClient.Request.of(INNER, Map.of("text", "hello"));
          GatewayClient.Request withInput =
              new GatewayClient.Request(
                  Optional.empty(),
                  INNER,
                  Map.of("text", "x"),
                  Map.of("in", input),
                  List.of(),
                  true);
          return List.of(
              attempt(() -> gateway.solve(plain).single().orElseThrow().readFile("/inner")),
              attempt(() -> in(gateway.solve(plain).metadata(), "inner")),
              attempt(() ->
                  in(gateway.solve(withInput).byName(), "given").orElseThrow().readFile("/in")),
              attempt(() -> gateway.solve(GatewayClient.Request.of("nobody.v0", Map.of()))),
              attempt(() ->
                  gateway.solve(
                      new GatewayClient.Request(
                          Optional.of(input), INNER, Map.of(), Map.of(), List.of(), false))));
        },
        "hello",
        "told",
        "given",
        "INVALID_ARGUMENT invalid frontend: nobody.v0",
        "INVALID_ARGUMENT cannot solve with both Definition and Frontend specified");
  }

  @Test
  void sourcesAreTold() throws Exception {
    assertSeenEverywhere(
        gateway ->
            List.of(
                attempt(() -> {
                  ImageMetaResolver.Resolved found =
                      gateway.resolveImageConfig(
                          new ImageRequest(
                              image, Optional.empty(), ResolveMode.DEFAULT, "", Optional.empty()));
                  return found.reference()
                      + " "
                      + new String(found.config(), UTF_8).contains("diff_ids");
                }),
                attempt(() -> {
                  SourceMeta found =
                      gateway.resolveSourceMeta(
                          SourceMetaRequest.of("docker-image://" + image, Map.of()));
                  SourceMeta.Image told = found.image().orElseThrow();
                  return found.identifier()
                      + " "
                      + Digest.parse(told.digest()).algorithm()
                      + " "
                      + new String(told.config(), UTF_8).contains("diff_ids");
                }),
                attempt(() ->
                    gateway.resolveSourceMeta(
                        SourceMetaRequest.of("local://context", Map.of("k", "v")))),
                attempt(() ->
                        gateway.resolveSourceMeta(
                            SourceMetaRequest.of("docker-image://" + image + "-not", Map.of())))
                    .substring(0, 9)),
        image + " true",
        "docker-image://" + image + " SHA256 true",
        "SourceMeta[identifier=local://context, attributes={k=v}, image=Optional.empty,"
            + " git=Optional.empty, http=Optional.empty]",
        "NOT_FOUND");
  }

  private static SourceMap text() {
    return new SourceMap(Optional.empty(), "Buildfile", "Text", "first\nsecond\n".getBytes(UTF_8));
  }

  /** Of a step that fails. */
  private static State failing() {
    return Machine.base()
        .run(
            Llb.args("/bin/sh", "-c", "exit 7"),
            text().location(List.of(SourceMap.Span.lines(2, 2))))
        .root();
  }

  private static void assertWhere(SolveException e) {
    assertThat(e.exitCode()).hasValue(7);
    assertThat(e.vertex()).isPresent();
    assertThat(e.places())
        .singleElement()
        .satisfies(place -> {
          assertThat(place.source().filename()).isEqualTo("Buildfile");
          assertThat(place.source().data()).asString(UTF_8).isEqualTo("first\nsecond\n");
          assertThat(place.spans()).containsExactly(SourceMap.Span.lines(2, 2));
        });
  }

  @ParameterizedTest
  @EnumSource
  void frontendsAndClientsAreToldWhereABuildFailed(Place place) {
    AtomicReference<SolveException> seen = new AtomicReference<>();
    assertThatThrownBy(() ->
            place.run(gateway -> {
              Reference ref = solved(gateway, failing());
              try {
                ref.evaluate();
              } catch (SolveException e) {
                seen.set(e);
                throw e;
              }
              return Result.of(ref);
            }))
        .isInstanceOfSatisfying(SolveException.class, FrontendsTest::assertWhere)
        .hasMessageContaining("did not complete successfully: exit code: 7");
    assertWhere(seen(seen));
    assertThat(seen.get())
        .hasMessage("process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7");
  }

  @ParameterizedTest
  @EnumSource
  void whatIsEvaluatedAtOnceFailsAtOnce(Place place) {
    assertThatThrownBy(() ->
            place.run(gateway -> {
              GatewayClient.Request request =
                  new GatewayClient.Request(
                      Optional.of(failing().marshal()), "", Map.of(), Map.of(), List.of(), true);
              assertThatThrownBy(() -> gateway.solve(request))
                  .isInstanceOfSatisfying(SolveException.class, FrontendsTest::assertWhere);
              throw BuildException.invalid("seen");
            }))
        .hasMessageContaining("seen");
  }

  @ParameterizedTest
  @EnumSource
  void aFrontendSaysWhereInATextTheFaultIs(Place place) {
    SolveException.Place fault =
        new SolveException.Place(
            new SourceInfo("Buildfile", "Text", "FORM x\n".getBytes(UTF_8), Optional.empty()),
            List.of(SourceMap.Span.lines(1, 1)));
    assertThatThrownBy(() ->
            place.run(gateway -> {
              throw new SolveException(
                  Category.INVALID_ARGUMENT,
                  "unknown instruction: FORM",
                  SolveException.Where.at(fault),
                  null);
            }))
        .isInstanceOfSatisfying(
            SolveException.class,
            e -> {
              assertThat(e.category()).isEqualTo(Category.INVALID_ARGUMENT);
              assertThat(e.places()).usingRecursiveComparison().isEqualTo(List.of(fault));
            })
        .hasMessageContaining("unknown instruction: FORM");
  }

  @ParameterizedTest
  @EnumSource
  void resultAndMetadataReachTheExporters(Place place, @TempDir Path out) throws Exception {
    Map<String, String> response =
        place.build(
            gateway ->
                Result.of(solved(gateway, files()))
                    .withMetadata("frontend.mood", "fine".getBytes(UTF_8))
                    .withMetadata("other", "untold".getBytes(UTF_8)),
            daemon.options().withExports(SolveOptions.Export.local(out)));
    assertThat(out.resolve("d/one")).hasContent("content of one");
    assertThat(response).containsEntry("frontend.mood", "fine").doesNotContainKey("other");
  }

  @ParameterizedTest
  @EnumSource
  void severalResultsReachTheExporters(Place place, @TempDir Path out) throws Exception {
    byte[] platforms =
        Json.bytes(
            Map.of(
                "Platforms",
                List.of(
                    Map.of("ID", "a", "Platform", Map.of("os", "linux", "architecture", "amd64")),
                    Map.of(
                        "ID", "b", "Platform", Map.of("os", "linux", "architecture", "arm64")))));
    place.build(
        gateway ->
            Result.of(Map.of("a", Optional.of(solved(gateway, files())), "b", Optional.empty()))
                .withMetadata("refs.platforms", platforms),
        daemon.options().withExports(SolveOptions.Export.local(out)));
    try (var found = Files.list(out)) {
      assertThat(found.map(one -> one.getFileName().toString()))
          .containsExactlyInAnyOrder("a", "b");
    }
    assertThat(out.resolve("a/d/one")).hasContent("content of one");
    assertThat(out.resolve("b")).isEmptyDirectory();
  }

  @ParameterizedTest
  @EnumSource
  void warningsReachWhoWatches(Place place) throws Exception {
    Queue<SolveStatus.Warning> warnings = new ConcurrentLinkedQueue<>();
    String vertex = Digest.of("v").toString();
    try (BuildClient client = daemon.client()) {
      place.build(
          client,
          gateway -> {
            gateway.warn(
                vertex,
                new GatewayClient.Warning(
                    0,
                    "short".getBytes(UTF_8),
                    List.of("more".getBytes(UTF_8)),
                    "https://x",
                    Optional.of(
                        new SourceInfo(
                            "Buildfile", "Text", "first".getBytes(UTF_8), Optional.empty())),
                    List.of(SourceMap.Span.lines(1, 1))));
            return Result.empty();
          },
          daemon.options(),
          status -> warnings.addAll(status.warnings()));
    }
    assertThat(warnings)
        .singleElement()
        .satisfies(warning -> {
          assertThat(warning.vertex()).isEqualTo(vertex);
          assertThat(warning.level()).isEqualTo(1);
          assertThat(warning.message().toStringUtf8()).isEqualTo("short");
          assertThat(warning.source().orElseThrow().getFilename()).isEqualTo("Buildfile");
          assertThat(warning.ranges()).hasSize(1);
        });
  }

  @ParameterizedTest
  @EnumSource
  void attestationsAreRefused(Place place) {
    Attestation one =
        new Attestation(
            Attestation.Kind.BUNDLE, Map.of(), Optional.empty(), "/", "type", List.of());
    assertThatThrownBy(() ->
            place.run(gateway ->
                new Result(
                    Optional.empty(), Map.of(), Map.of(), Map.of("linux/amd64", List.of(one)))))
        .isInstanceOfSatisfying(
            SolveException.class, e -> assertThat(e.category()).isEqualTo(Category.UNIMPLEMENTED))
        .hasMessageContaining("attestations of a frontend's result are not supported");
  }

  /** The frontend is told by an interrupt, wherever it is, and what it waited for is given up. */
  @ParameterizedTest
  @EnumSource
  void aCancelledBuildInterruptsItsFrontend(Place place) throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    State endless =
        Machine.base().run(Llb.args("/bin/sh", "-c", "echo " + place + "; sleep 1000")).root();
    Thread build =
        Threads.start(
            "build",
            () -> {
              try (BuildClient client = daemon.client()) {
                place.build(
                    client,
                    gateway -> {
                      Reference ref = solved(gateway, endless);
                      try {
                        ref.evaluate();
                      } catch (InterruptedException e) {
                        interrupted.countDown();
                        throw e;
                      }
                      return Result.of(ref);
                    },
                    daemon.options(),
                    status -> {
                      if (!status.logs().isEmpty()) {
                        running.countDown();
                      }
                    });
              } catch (Exception e) {
                // cancelled
              }
            });
    assertThat(running.await(20, TimeUnit.SECONDS)).isTrue();
    build.interrupt();
    assertThat(interrupted.await(10, TimeUnit.SECONDS)).as("the frontend is interrupted").isTrue();
    build.join();
  }

  /** It holds results only as long as the build lasts. */
  @Test
  void referencesEndWithTheBuild() throws Exception {
    AtomicReference<Reference> kept = new AtomicReference<>();
    Place.IN_THE_DAEMON.run(gateway -> {
      kept.set(solved(gateway, files()));
      return Result.empty();
    });
    assertThatThrownBy(() -> seen(kept).readFile("/d/one"))
        .isInstanceOfSatisfying(
            SolveException.class, e -> assertThat(e.category()).isEqualTo(Category.CANCELED));
    assertThatThrownBy(() -> Place.IN_THE_DAEMON.run(gateway -> Result.of(seen(kept))))
        .hasMessageContaining("return reference " + seen(kept).id() + " not found");
  }

  @Test
  void frontendsThatAreNotThereAreRefused() throws Exception {
    try (BuildClient client = daemon.client()) {
      assertThatThrownBy(() ->
              client.solve(
                  Optional.empty(),
                  daemon.options().withFrontend("nobody.v0", new TreeMap<>()),
                  status -> {}))
          .hasMessageContaining("invalid frontend: nobody.v0");
    }
  }
}
