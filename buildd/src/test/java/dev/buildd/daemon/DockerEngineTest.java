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
import java.util.List;
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

  /** Makes the image of the daemon, on the least system instead of Debian's, and loads it. */
  private static void loadOurImage(String name) throws Exception {
    Path work = Files.createDirectory(temp.resolve("image"));
    Path installed = work.resolve("installed");
    Path hack = Path.of("../hack").toAbsolutePath().normalize();
    Programs.run(
        work,
        "env",
        "PREFIX=/usr",
        "JAVA_HOME=" + System.getProperty("java.home"),
        hack.resolve("install.sh").toString(),
        installed.toString());
    Programs.run(work, hack.resolve("test-system.sh").toString(), "system", installed.toString());
    Path context = Files.createDirectory(work.resolve("ctx"));
    // in a hurry: the name says compressed, but what is read is the content
    Path release = context.resolve("buildd-jvm_test.tar.gz");
    Programs.run(work, "tar", "-C", installed.toString(), "-cf", release.toString(), ".");
    new Buildx(work, machine.address(), Map.of("DOCKER_HOST", engine.address()))
        .built(
            Files.readString(hack.resolveSibling("packaging/Dockerfile")),
            "--build-context=system=system",
            "--build-arg=SYSTEM=system",
            "--build-arg=BUILDD_NO_TRAINING=1",
            "--output=type=docker,compression=uncompressed,name=" + name);
  }

  /**
   * {@code docker buildx create --driver docker-container} with our image: the builder is started,
   * configured, built with, stopped, started again and removed.
   */
  @Test
  void buildxRunsOurImageAsItsBuilder() throws Exception {
    assertThat(Path.of("../dist/lib")).as("what make builds is in the image").isDirectory();
    loadOurImage("buildd:built");
    Path work = Files.createDirectory(temp.resolve("container"));
    Machine.busybox(Files.createDirectory(work.resolve("ctx")));
    Files.writeString(
        work.resolve("config.toml"), "[worker.oci]\nlabels = { from = \"configured\" }\n");
    Buildx buildx =
        new Buildx(
            work,
            Map.of("DOCKER_HOST", engine.address()),
            List.of(
                "--driver=docker-container",
                "--driver-opt=image=buildd:built,network=none",
                "--buildkitd-config=config.toml",
                "--buildkitd-flags=--allow-insecure-entitlement=network.host --oci-worker-net=host",
                "--bootstrap"));
    assertThat(buildx.ok("inspect"))
        .containsPattern("Driver: +docker-container")
        .containsPattern("Status: +running")
        .containsPattern("BuildKit version: +v\\d")
        .containsPattern("from: +configured")
        .containsPattern("worker.network: +host");

    String dockerfile =
        """
        FROM scratch
        COPY rootfs /
        ENV PATH=/bin
        RUN --network=host echo in a container > /made
        CMD ["/bin/cat", "/made"]
        """;
    String[] flags = {"--allow=network.host", "--tag=loaded:container", "--load"};
    assertThat(buildx.built(dockerfile, flags)).doesNotContain("CACHED");
    assertThat(run("loaded:container")).isEqualTo("in a container\n");
    buildx.ok("stop");
    assertThat(buildx.ok("inspect")).containsPattern("Status: +stopped");
    assertThat(buildx.built(dockerfile, flags))
        .as("the volume is kept, the container starts with the build")
        .containsPattern("(#\\d+) \\[2/2] RUN .*\\R(\\1 .*\\R)*\\1 CACHED");

    DockerClient docker = engine.client();
    String container = docker.listContainersCmd().exec().getFirst().getId();
    assertThat(docker.inspectContainerCmd(container).exec().getRestartCount()).isZero();
    buildx.ok("rm");
    assertThat(docker.listContainersCmd().withShowAll(true).exec())
        .noneMatch(left -> left.getImage().equals("buildd:built"));
    assertThat(docker.listVolumesCmd().exec().getVolumes()).isNullOrEmpty();
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
