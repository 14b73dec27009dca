package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.session.filesync.FileSendTarget;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.startupcheck.OneShotStartupCheckStrategy;
import org.testcontainers.utility.DockerImageName;

/** Our images in a Docker engine, and an engine's in ours. */
@Tag("root")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class DockerEngineTest {
  @TempDir static Path temp;
  private static Machine machine;
  private static Programs programs;
  private static DockerEngine engine;
  private static String host;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(temp);
    programs = new Programs(temp);
    host = "localhost:" + programs.serveRegistry();
    machine = new Machine(temp);
    engine = DockerEngine.start(temp);
  }

  @AfterAll
  static void stop() throws Exception {
    engine.close();
    machine.close();
    programs.close();
  }

  private static State made(String content) {
    return Machine.base()
        .run(Llb.args("/bin/sh", "-c", "echo " + content + " > /made; rm /bin/seq"))
        .root();
  }

  /** What a container of the image says. */
  private static String run(String image, String... command) {
    try (GenericContainer<?> container =
        new GenericContainer<>(DockerImageName.parse(image))
            .withCommand(command)
            .withNetworkMode("none")
            .withStartupCheckStrategy(new OneShotStartupCheckStrategy())) {
      container.start();
      return container.getLogs();
    }
  }

  @Test
  void engineLoadsAndRunsWhatWeExport() throws Exception {
    for (String compression : new String[] {"gzip", "uncompressed"}) {
      Path file = temp.resolve(compression + ".tar");
      String name = "loaded:" + compression;
      OutputStream out = Files.newOutputStream(file);
      machine.export(
          made("loaded"),
          new SolveOptions.Export(
              "docker",
              Map.of("name", name, "compression", compression, "force-compression", "true"),
              Optional.of(new FileSendTarget.Target.Stream(metadata -> Optional.of(out)))));
      try (InputStream in = Files.newInputStream(file)) {
        engine.client().loadImageCmd(in).exec();
      }
      assertThat(run(name, "/bin/sh", "-c", "cat /made; ls /bin"))
          .startsWith("loaded\n")
          .contains("busybox")
          .doesNotContain("seq");
    }
  }

  /** {@code docker buildx build --load}. */
  @Test
  void buildxLoadsIntoTheEngine() throws Exception {
    Files.writeString(Files.createDirectories(temp.resolve("ctx")).resolve("file"), "copied\n");
    Machine.busybox(temp.resolve("ctx"));
    Buildx buildx = new Buildx(temp, machine.address(), Map.of("DOCKER_HOST", engine.address()));
    buildx.built(
        """
        FROM scratch
        COPY rootfs /
        ENV PATH=/bin
        COPY file /
        RUN echo made > /made
        CMD ["/bin/cat", "/file", "/made"]
        """,
        "--tag=loaded:buildx",
        "--load");
    assertThat(run("loaded:buildx")).isEqualTo("copied\nmade\n");
  }

  @Test
  void engineRunsWhatWePush() throws Exception {
    String name = host + "/pushed";
    String digest =
        machine
            .export(
                made("pushed"),
                new SolveOptions.Export(
                    "image", Map.of("name", name, "push", "true"), Optional.empty()))
            .get("containerimage.digest");
    assertThat(run(name + "@" + digest, "/bin/cat", "/made")).isEqualTo("pushed\n");
  }

  @Test
  void weBuildOnWhatTheEnginePushes() throws Exception {
    DockerClient docker = engine.client();
    String name = host + "/committed";
    machine.export(
        made("below"),
        new SolveOptions.Export(
            "image", Map.of("name", host + "/below:1", "push", "true"), Optional.empty()));
    docker
        .pullImageCmd(host + "/below")
        .withTag("1")
        .exec(new ResultCallback.Adapter<>())
        .awaitCompletion();
    String container =
        docker
            .createContainerCmd(host + "/below:1")
            .withCmd("/bin/sh", "-c", "echo above > /above; rm /made")
            .exec()
            .getId();
    docker.startContainerCmd(container).exec();
    docker.waitContainerCmd(container).start().awaitStatusCode();
    docker.commitCmd(container).withRepository(name).withTag("1").exec();
    docker.removeContainerCmd(container).exec();
    docker.pushImageCmd(name).withTag("1").exec(new ResultCallback.Adapter<>()).awaitCompletion();

    assertThat(Programs.manifest(temp, name + ":1"))
        .as("docker's own kind of manifest")
        .contains("application/vnd.docker.distribution.manifest.v2+json");
    Path out = Files.createDirectory(temp.resolve("out"));
    try (BuildClient client = machine.client()) {
      State step =
          Llb.image(name + ":1")
              .run(Llb.args("/bin/sh", "-c", "ls / > /found; cat /above >> /found"))
              .root();
      machine.build(client, Llb.scratch().file(Llb.copy(step, "/found", "/found")), out);
    }
    assertThat(out.resolve("found")).content().contains("above\n").doesNotContain("made");
  }
}
