package dev.buildd.buildctl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Daemons that other programs reach. Those programs are scripts that write down how they were
 * called and become what would run at the other end.
 */
@Tag("root")
@Timeout(120)
final class HelperConnectionTest {
  @TempDir static Path shared;
  private static Daemon daemon;

  @TempDir Path temp;

  private record Ended(int status, String output, String errors) {}

  @BeforeAll
  static void start() throws Exception {
    daemon = new Daemon(shared);
  }

  @AfterAll
  static void stop() {
    if (daemon != null) {
      daemon.close();
    }
  }

  @BeforeEach
  void programs() throws Exception {
    List<String> dial = Client.command("--addr", daemon.address(), "dial-stdio");
    for (String name : List.of("docker", "podman", "nerdctl", "kubectl", "ssh")) {
      program(
          name,
          "echo \"%s $*\" >> %s/calls; echo 'a banner' >&2; exec %s"
              .formatted(name, temp, String.join(" ", dial)));
    }
  }

  private void program(String name, String script) throws Exception {
    Path file = Files.createDirectories(temp.resolve("bin")).resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Ended run(String... arguments) throws Exception {
    Path told = temp.resolve("told");
    ProcessBuilder builder =
        new ProcessBuilder(Client.command(arguments))
            .directory(temp.toFile())
            .redirectError(told.toFile());
    builder.environment().put("PATH", temp.resolve("bin") + ":" + System.getenv("PATH"));
    builder.environment().put("TMPDIR", Files.createDirectories(temp.resolve("tmp")).toString());
    Process process = builder.start();
    process.getOutputStream().close();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    process.getInputStream().transferTo(out);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Ended(
        process.exitValue(), out.toString(StandardCharsets.UTF_8), Files.readString(told));
  }

  @ParameterizedTest
  @CsvSource({
    "docker-container://buildx_buildkit_b0,docker exec -i buildx_buildkit_b0 buildctl dial-stdio",
    "podman-container://b,podman exec -i b buildctl dial-stdio",
    "nerdctl-container://b?namespace=n,nerdctl exec --namespace n -i b buildctl dial-stdio",
    "kube-pod://p-0?container=c,kubectl exec --container=c -i p-0 -- buildctl dial-stdio",
    "ssh://me@far:2222,ssh -l me -p 2222 -- far buildctl dial-stdio",
  })
  void theDaemonIsReachedByTheProgram(String address, String call) throws Exception {
    Ended ended = run("--addr", address, "debug", "workers");
    assertThat(ended.status()).as(ended.errors()).isZero();
    assertThat(ended.output()).contains("linux/");
    assertThat(Files.readAllLines(temp.resolve("calls"))).containsExactly(call);
  }

  @Test
  void filesGoBothWays() throws Exception {
    Path context = Files.createDirectories(temp.resolve("context"));
    byte[] large = new byte[20 << 20];
    new Random(1).nextBytes(large);
    Files.write(context.resolve("large"), large);
    Files.writeString(context.resolve("Dockerfile"), "FROM scratch\nCOPY large /\n");
    List<String> arguments =
        new ArrayList<>(List.of("--addr", "ssh://far", "build", "--progress=plain"));
    arguments.addAll(List.of("--frontend=dockerfile.v0", "--local=context=" + context));
    arguments.addAll(List.of("--local=dockerfile=" + context));
    arguments.add("--output=type=local,dest=" + temp.resolve("out"));
    Ended ended = run(arguments.toArray(String[]::new));
    assertThat(ended.status()).as(ended.errors()).isZero();
    assertThat(Files.readAllBytes(temp.resolve("out/large"))).isEqualTo(large);
    assertThat(Files.readAllLines(temp.resolve("calls"))).hasSize(1);
    assertThat(temp.resolve("tmp")).as("the socket's directory").isEmptyDirectory();
  }

  @Test
  void whatTheProgramSaysIsTold() throws Exception {
    program("docker", "echo 'Error: No such container: b' >&2; exit 1");
    Ended ended = run("--addr", "docker-container://b", "debug", "workers");
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.errors())
        .contains(
            "failed to connect to docker-container://b",
            "`docker exec -i b buildctl dial-stdio` has ended with exit status 1",
            "No such container: b");
  }

  @Test
  void aProgramThatIsNotThereIsNamed() throws Exception {
    Files.delete(temp.resolve("bin/nerdctl"));
    Ended ended = run("--addr", "nerdctl-container://b", "debug", "workers");
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.errors()).contains("the program nerdctl is not in PATH");
  }

  @Test
  void aConnectionThatBreaksSaysWhy() throws Exception {
    // it lives as long as the first answer needs, and not as long as the build
    program(
        "ssh",
        "(sleep 3; echo 'Connection to far closed' >&2; kill $$) & exec 3<&0; "
            + String.join(" ", Client.command("--addr", daemon.address(), "dial-stdio"))
            + " <&3");
    Path context = Files.createDirectories(temp.resolve("context"));
    Files.writeString(
        context.resolve("Dockerfile"),
        "FROM scratch\nCOPY --from=rootfs / /\nRUN [\"/bin/sleep\", \"30\"]\n");
    Ended ended =
        run(
            "--addr",
            "ssh://far",
            "build",
            "--progress=plain",
            "--frontend=dockerfile.v0",
            "--local=context=" + context,
            "--local=dockerfile=" + context,
            "--local=rootfs=" + daemon.rootfs(),
            "--opt=context:rootfs=local:rootfs");
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.errors()).contains("Connection to far closed");
  }
}
