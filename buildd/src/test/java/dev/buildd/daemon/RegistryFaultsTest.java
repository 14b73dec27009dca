package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Builds on images of a registry that does not do what it should. */
@Tag("root")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class RegistryFaultsTest {
  @TempDir static Path temp;
  private static Programs programs;
  private static Machine machine;
  private static String host;

  @TempDir Path out;
  private FaultyProxy proxy;
  private String name; // of an image of one layer, which the daemon does not have
  private String digest; // of its layer
  private byte[] layer;

  @BeforeAll
  static void startAll() throws Exception {
    Machine.busybox(temp);
    programs = new Programs(temp);
    host = "localhost:" + programs.serveRegistry();
    machine = new Machine(temp);
  }

  @AfterAll
  static void stopAll() {
    machine.close();
    programs.close();
  }

  @BeforeEach
  void start(TestInfo test) throws Exception {
    proxy = new FaultyProxy(host);
    name = "x" + Integer.toHexString(test.getDisplayName().hashCode());
    machine.export(
        Llb.scratch().file(Llb.mkfile("/f", 0644, test.getDisplayName())),
        new SolveOptions.Export(
            "image", Map.of("name", host + "/" + name, "push", "true"), Optional.empty()));
    String manifest = Programs.manifest(temp, host + "/" + name);
    digest =
        Json.text(
            Json.objects(Json.parseObject(manifest.getBytes(UTF_8), "manifest"), "layers")
                .getFirst(),
            "digest");
    layer = Files.readAllBytes(machine.root().resolve("content/blobs/" + digest.replace(':', '/')));
    forgetAll();
  }

  @AfterEach
  void stop() {
    proxy.close();
  }

  private static void forgetAll() throws Exception {
    try (BuildClient client = machine.client()) {
      client.prune(
          new BuildClient.PruneOptions(List.of(), true, Duration.ZERO, 0, 0, 0), gone -> {});
      assertThat(client.diskUsage(List.of())).isEmpty();
    }
  }

  private void build() throws Exception {
    State image = Llb.image(proxy.host() + "/" + name);
    try (BuildClient client = machine.client()) {
      machine.build(client, Llb.scratch().file(Llb.copy(image, "/f", "/copied")), out);
    }
  }

  /** What is wrong with a transfer of the layer. */
  @FunctionalInterface
  private interface LayerFault {
    void answer(HttpExchange request) throws IOException;
  }

  private void breakLayer(LayerFault fault) {
    proxy.fault =
        request -> {
          boolean isLayer = request.getRequestURI().getPath().endsWith(digest);
          if (isLayer) {
            fault.answer(request);
          }
          return isLayer;
        };
  }

  /** For how each of them is mended, see RepositoryTest and ParallelTransferTest. */
  @Test
  void aBuildSurvivesWhatPasses() throws Exception {
    AtomicInteger count = new AtomicInteger();
    breakLayer(request -> {
      switch (count.getAndIncrement()) {
        case 0 -> request.sendResponseHeaders(503, -1);
        case 1 -> {
          request.getResponseHeaders().set("Retry-After", "1");
          request.sendResponseHeaders(429, -1);
        }
        case 2 -> {
          request.sendResponseHeaders(200, layer.length);
          request.getResponseBody().write(layer, 0, 20);
          request.getResponseBody().flush();
          throw new IOException("cut");
        }
        default -> drip(request);
      }
    });
    build();
    assertThat(out.resolve("copied")).isRegularFile();
    assertThat(count).hasValue(4);
  }

  /** A byte at a time, of what is left of the layer. */
  private void drip(HttpExchange request) throws IOException {
    String range = request.getRequestHeaders().getFirst("Range");
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
    request
        .getResponseHeaders()
        .set("Content-Range", "bytes " + from + "-" + (layer.length - 1) + "/" + layer.length);
    request.sendResponseHeaders(range == null ? 200 : 206, layer.length - from);
    for (int i = from; i < layer.length; i++) {
      request.getResponseBody().write(layer[i]);
      request.getResponseBody().flush();
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
    }
  }

  /** What else goes wrong is told with the image, the layer and the cause, and leaves nothing. */
  @Test
  void failuresNameTheImageTheLayerAndTheCause() throws Exception {
    byte[] other = layer.clone();
    other[30] ^= 1;
    fails(200, other, "unexpected commit digest sha256:");
    fails(200, Arrays.copyOf(layer, 30), "unexpected commit size 30, expected");
    fails(200, Arrays.copyOf(layer, layer.length + 1), "unexpected commit size, more than");
    fails(500, "broken".getBytes(UTF_8), "500: broken");
    fails(401, "who?".getBytes(UTF_8), "401: who?");
    fails(404, new byte[0], "not found");
    proxy.fault = request -> false;
    build();
    assertThat(out.resolve("copied")).as("once nothing is wrong").isRegularFile();
  }

  private void fails(int status, byte[] body, String cause) throws Exception {
    breakLayer(request -> {
      request.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
      request.getResponseBody().write(body);
    });
    assertThatThrownBy(this::build)
        .hasMessageContaining(proxy.host() + "/" + name + ":latest: ")
        .hasMessageContaining(digest)
        .hasMessageContaining(cause);
    assertLayerIsGone();
  }

  private void assertLayerIsGone() {
    assertThat(machine.root().resolve("content/ingest")).isEmptyDirectory();
    assertThat(machine.root().resolve("content/blobs/" + digest.replace(':', '/'))).doesNotExist();
  }

  /** Whoever pulls it next begins anew: what had come is removed at once, not at the next prune. */
  @Test
  void aCancelledBuildLeavesNothingOfALayer() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    breakLayer(request -> {
      request.sendResponseHeaders(200, layer.length);
      request.getResponseBody().write(layer, 0, 20);
      request.getResponseBody().flush();
      begun.countDown();
      try {
        over.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
    });
    Thread client =
        Threads.start(
            "client",
            () -> {
              try {
                build();
              } catch (Exception e) {
                // cancelled
              }
            });
    assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
    assertThat(machine.root().resolve("content/ingest")).isNotEmptyDirectory();
    client.interrupt();
    client.join();
    long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (Json.number(machine.figures(), "leases") > 0) {
      assertThat(System.nanoTime()).as("until the daemon has let go").isLessThan(patience);
      Thread.sleep(20);
    }
    assertLayerIsGone();
    over.countDown();
    proxy.fault = request -> false;
    build();
    assertThat(out.resolve("copied")).isRegularFile();
  }
}
