package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.client.BuildClient;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A daemon that is told to end while builds run. */
@Tag("root")
@Timeout(60)
final class DrainTest {
  @TempDir Path directory;

  @BeforeEach
  void prepare() throws Exception {
    Machine.busybox(directory);
  }

  private Machine machine(String drainTimeout) throws Exception {
    Path config =
        Files.writeString(
            directory.resolve("buildkitd.toml"),
            "[grpc]\ndrainTimeout = \"" + drainTimeout + "\"\n");
    return new Machine(directory, "--config", config.toString());
  }

  private static State sleeping(int seconds) {
    return Machine.base().run(Llb.args("/bin/sh", "-c", "echo runs; sleep " + seconds)).root();
  }

  /** A build that runs when this returns; it tells its failure, null if it had none. */
  private static CompletableFuture<BuildException> begin(Machine machine, int seconds)
      throws Exception {
    CountDownLatch runs = new CountDownLatch(1);
    CompletableFuture<BuildException> end = new CompletableFuture<>();
    Threads.start(
        "build",
        () -> {
          try (BuildClient client = machine.client()) {
            client.solve(
                Optional.of(sleeping(seconds).marshal()),
                machine.options(),
                status -> {
                  if (!status.logs().isEmpty()) {
                    runs.countDown();
                  }
                });
            end.complete(null);
          } catch (BuildException e) {
            end.complete(e);
          } catch (Exception e) {
            end.completeExceptionally(e);
          }
        });
    assertThat(runs.await(30, TimeUnit.SECONDS)).isTrue();
    return end;
  }

  private static ServingStatus health(BuildClient client, String service) {
    return HealthGrpc.newBlockingStub(client.channel())
        .check(HealthCheckRequest.newBuilder().setService(service).build())
        .getStatus();
  }

  private static void end(Machine machine) throws Exception {
    assertThat(machine.process().waitFor(20, TimeUnit.SECONDS)).as("it ends").isTrue();
    assertThat(machine.process().exitValue()).isZero();
    assertThat(machine.mounts()).isEmpty();
  }

  @Test
  void runningBuildsFinishAndNewOnesAreSentElsewhere() throws Exception {
    try (Machine machine = machine("30s");
        BuildClient other = machine.client()) {
      for (String service : new String[] {"", "moby.buildkit.v1.Control"}) {
        assertThat(health(other, service)).isEqualTo(ServingStatus.SERVING);
      }
      CompletableFuture<BuildException> build = begin(machine, 7);
      machine.signal("TERM");
      machine.awaitLog("stopping server builds=1");
      for (String service : new String[] {"", "moby.buildkit.v1.Control"}) {
        assertThat(health(other, service)).isEqualTo(ServingStatus.NOT_SERVING);
      }
      assertThatThrownBy(() ->
              other.solve(Optional.of(sleeping(0).marshal()), machine.options(), status -> {}))
          .isInstanceOf(BuildException.class)
          .hasMessageContaining("this daemon is stopping and takes no new builds: ask another one")
          .extracting(e -> ((BuildException) e).category())
          .isEqualTo(Category.UNAVAILABLE);
      assertThat(other.workers(List.of())).as("it still answers").hasSize(1);
      assertThat(build.get(20, TimeUnit.SECONDS)).isNull();
      end(machine);
    }
  }

  @Test
  void buildsThatTakeTooLongAreCancelled() throws Exception {
    try (Machine machine = machine("1s")) {
      CompletableFuture<BuildException> build = begin(machine, 1000);
      machine.signal("INT");
      assertThat(build.get(20, TimeUnit.SECONDS)).isNotNull();
      end(machine);
      assertThat(machine.log())
          .contains("builds that did not finish in time are cancelled drainTimeout=PT1S");
    }
  }

  @Test
  void aSecondSignalCancelsAtOnce() throws Exception {
    try (Machine machine = machine("1h")) {
      CompletableFuture<BuildException> build = begin(machine, 1000);
      machine.signal("TERM");
      machine.awaitLog("stopping server builds=1");
      assertThat(build).isNotDone();
      machine.signal("TERM");
      assertThat(build.get(20, TimeUnit.SECONDS)).isNotNull();
      end(machine);
      assertThat(machine.log()).contains("told to stop again: builds that run are cancelled");
    }
  }
}
