package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.daemon.build.BuildObserver;
import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.pb.Definition;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What observers are told of builds. */
@Tag("root")
@Timeout(60)
final class BuildObserverTest {
  @TempDir static Path directory;
  private static final BlockingQueue<Seen> builds = new LinkedBlockingQueue<>();
  private static OwnDaemon daemon;
  private static Programs programs;
  private static String image;
  private static String digest;

  /** All that was told of a build. */
  private static final class Seen implements BuildObserver.StepWatch {
    final BuildRequest request;
    final List<Object> told = new ArrayList<>();

    Seen(BuildRequest request) {
      this.request = request;
    }

    @Override
    public void sourceResolved(BuildObserver.Source source) {
      told.add(source);
    }

    @Override
    public void stepEnded(BuildObserver.Step step) {
      told.add(step);
    }

    @Override
    public void exported(BuildObserver.Export export) {
      told.add(export);
    }

    @Override
    public void ended(BuildObserver.Ending ending) {
      told.add(ending);
      builds.add(this);
    }

    <T> List<T> all(Class<T> type) {
      return told.stream().filter(type::isInstance).map(type::cast).toList();
    }

    List<String> steps() {
      return all(BuildObserver.Step.class).stream()
          .map(step -> step.outcome() + " " + step.name())
          .toList();
    }

    BuildObserver.Ending ending() {
      assertThat(told.getLast()).isInstanceOf(BuildObserver.Ending.class);
      return (BuildObserver.Ending) told.getLast();
    }
  }

  /** One that does everything wrong. */
  private static final class Broken implements BuildObserver, BuildObserver.StepWatch {
    @Override
    public Watch begins(BuildRequest request, Instant at) {
      if (request.internal()) {
        throw new IllegalStateException("begins");
      }
      return this;
    }

    @Override
    public void stepEnded(Step step) {
      throw new IllegalStateException("step");
    }

    @Override
    public void ended(Ending ending) {
      throw new IllegalStateException("ended");
    }
  }

  @BeforeAll
  static void start() throws Exception {
    daemon =
        new OwnDaemon(
            directory,
            new Daemon.Extensions(
                Map.of(), List.of(new Broken(), (request, at) -> new Seen(request))));
    programs = new Programs(directory);
    image = "localhost:" + programs.serveRegistry() + "/observed:v1";
    digest = daemon.push(image);
    seen();
  }

  @AfterAll
  static void stop() {
    daemon.close();
    programs.close();
  }

  private static Seen seen() throws InterruptedException {
    return Objects.requireNonNull(builds.poll(20, TimeUnit.SECONDS), "no build has ended");
  }

  private static Seen build(State state, SolveOptions options) throws Exception {
    try (BuildClient client = daemon.client()) {
      client.solve(Optional.of(state.marshal()), options, status -> {});
    }
    return seen();
  }

  private static State step(String script) {
    return Machine.base().run(Llb.args("/bin/sh", "-c", script)).root();
  }

  @Test
  void stepsAreRunAndThenThereAlready() throws Exception {
    State state = step("echo observed > /f");
    SolveOptions options = daemon.options().withRef("first");
    Seen first = build(state, options);
    assertThat(first.request.ref()).isEqualTo("first");
    assertThat(first.steps())
        .hasSize(3)
        .contains("RUN local://rootfs", "RUN /bin/sh -c echo observed > /f");
    assertThat(first.all(BuildObserver.Step.class))
        .allSatisfy(step -> {
          assertThat(step.started().orElseThrow()).isBeforeOrEqualTo(step.completed());
          assertThat(step.error()).isEmpty();
        });
    assertThat(first.ending().failure()).isEmpty();
    assertThat(first.ending().progress()).isNotEmpty();
    assertThat(build(state, options.withRef("second")).steps())
        .contains("HIT /bin/sh -c echo observed > /f")
        .doesNotContain("RUN /bin/sh -c echo observed > /f");
  }

  @Test
  void failuresAreToldOfTheStepAndOfTheBuild() throws Exception {
    assertThatThrownBy(() -> build(step("exit 3"), daemon.options()))
        .hasMessageContaining("exit code: 3");
    Seen seen = seen();
    assertThat(seen.steps()).contains("FAILED /bin/sh -c exit 3");
    assertThat(seen.ending().response()).isEmpty();
    assertThat(seen.ending().failure().orElseThrow()).hasMessageContaining("exit code: 3");
  }

  @Test
  void sourcesAreToldWithWhatTheyStandFor() throws Exception {
    State state = Llb.image(image).file(Llb.copy(Llb.local("rootfs"), "/", "/x"));
    for (int i = 0; i < 2; i++) { // the second build runs nothing, and is made of the same
      List<BuildObserver.Source> sources =
          build(state, daemon.options()).all(BuildObserver.Source.class);
      assertThat(sources)
          .extracting(source -> source.identifier() + " " + source.pin().orElse("-"))
          .containsExactlyInAnyOrder("docker-image://" + image + " " + digest, "local://rootfs -");
      assertThat(sources)
          .filteredOn(source -> source.pin().isEmpty())
          .singleElement()
          .satisfies(source -> assertThat(source.attributes()).isNotEmpty());
    }
  }

  @Test
  void whatFrontendsAskIsToldToo() throws Exception {
    try (BuildClient client = daemon.client()) {
      client.build(
          gateway -> {
            gateway.resolveSourceMeta(SourceMetaRequest.of("docker-image://" + image, Map.of()));
            return Result.empty();
          },
          daemon.options(),
          status -> {});
    }
    Seen seen = seen();
    assertThat(seen.all(BuildObserver.Source.class))
        .extracting(source -> source.identifier() + " " + source.pin().orElse("-"))
        .containsExactly("docker-image://" + image + " " + digest);
    assertThat(seen.steps()).as("looking is no step of the graph").isEmpty();
  }

  @Test
  void exportsAreTold(@TempDir Path out) throws Exception {
    Seen seen =
        build(
            Llb.scratch().file(Llb.mkfile("/exported", 0644, "x")),
            daemon
                .options()
                .withExports(
                    SolveOptions.Export.local(out),
                    new SolveOptions.Export(
                        "image", Map.of("name", image + "-2", "push", "true"), Optional.empty()))
                .withCaches(
                    List.of(new CacheEntry("registry", Map.of("ref", image + "-cache"))),
                    List.of()));
    assertThat(seen.all(BuildObserver.Export.class))
        .extracting(export -> export.kind() + " " + export.index())
        .containsExactlyInAnyOrder("RESULT 0", "RESULT 1", "CACHE 0");
    assertThat(seen.all(BuildObserver.Export.class))
        .filteredOn(export -> export.index() == 1)
        .singleElement()
        .satisfies(export ->
            assertThat(export.response().get("containerimage.digest"))
                .isEqualTo(seen.ending().response().get("containerimage.digest")));
    assertThat(seen.steps()).containsExactly("RUN mkfile /exported");
  }

  /** History leaves them out; that is history's to say. */
  @Test
  void internalBuildsAreToldAndRefusedOnesAreNot() throws Exception {
    try (BuildClient client = daemon.client()) {
      ControlGrpc.ControlBlockingStub control =
          ControlGrpc.newBlockingStub(client.channel()).withDeadlineAfter(20, TimeUnit.SECONDS);
      SolveRequest.Builder request =
          SolveRequest.newBuilder().setDefinition(Definition.getDefaultInstance());
      assertThatThrownBy(
              () -> control.solve(request.setRef("refused").setProxyNetwork(true).build()))
          .hasMessageContaining("proxy network");
      control.solve(request.setRef("internal").setProxyNetwork(false).setInternal(true).build());
      assertThat(seen().request.ref()).isEqualTo("internal");
      List<String> kept = new ArrayList<>();
      client.history(
          BuildHistoryRequest.newBuilder().setEarlyExit(true).build(),
          event -> kept.add(event.getRecord().getRef()));
      assertThat(kept).isNotEmpty().doesNotContain("internal", "refused");
    }
  }
}
