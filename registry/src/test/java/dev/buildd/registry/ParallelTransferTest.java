package dev.buildd.registry;

import static dev.buildd.registry.FakeRegistry.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.registry.auth.CredentialSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Blobs that are large enough for several connections. */
@Timeout(60)
final class ParallelTransferTest {
  private static final int PIECE = ParallelTransfer.PIECE;
  private static final byte[] LARGE = random(9 * PIECE + 123);
  private static final byte[] SMALL = random(1000);
  private static final Descriptor LARGE_BLOB = layer(LARGE);
  private static final Descriptor SMALL_BLOB = layer(SMALL);

  private FakeRegistry registry;
  private final List<Long> progress = new ArrayList<>();

  private static byte[] random(int size) {
    byte[] out = new byte[size];
    new Random(size).nextBytes(out);
    return out;
  }

  private static Descriptor layer(byte[] content) {
    return Descriptor.of(MediaType.OCI_LAYER, Digest.of(content), content.length);
  }

  @BeforeEach
  void start() throws IOException {
    registry = new FakeRegistry();
    registry.blobs.put("a@" + LARGE_BLOB.digest(), LARGE);
    registry.blobs.put("a@" + SMALL_BLOB.digest(), SMALL);
  }

  @AfterEach
  void stop() {
    registry.close();
  }

  private Repository open(int connections) {
    return new RegistryClient(
            new RegistrySettings(Map.of(), Duration.ofMillis(5)).withMaxConcurrency(connections))
        .open(ImageReference.parse(registry.host() + "/a:v1"), CredentialSource.ANONYMOUS);
  }

  private byte[] blob(Repository repository, Descriptor blob) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    repository.blob(blob, out, progress::add);
    return out.toByteArray();
  }

  private static FakeRegistry.Part part(HttpExchange request) {
    return FakeRegistry.Part.of(request, LARGE.length).orElseThrow();
  }

  @Test
  void piecesComeOverAsManyConnectionsAsThereArePlaces() throws Exception {
    CountDownLatch together = new CountDownLatch(4);
    AtomicInteger at = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    registry.fault =
        request -> {
          most.accumulateAndGet(at.incrementAndGet(), Math::max);
          if (part(request).start() > 0) {
            together.countDown();
            await(together);
          }
          at.decrementAndGet();
          return false;
        };
    assertThat(blob(open(4), LARGE_BLOB)).isEqualTo(LARGE);
    assertThat(most).hasValue(4);
    assertThat(registry.requests).hasSize(10);
    assertThat(progress).isSorted().endsWith((long) LARGE.length);
  }

  @Test
  void alonePiecesComeInOneAnswer() throws Exception {
    List<String> ranges = new ArrayList<>();
    registry.fault =
        request -> {
          ranges.add(request.getRequestHeaders().getFirst("Range"));
          return false;
        };
    assertThat(blob(open(1), LARGE_BLOB)).isEqualTo(LARGE);
    assertThat(ranges).containsExactly("bytes=0-" + (PIECE - 1), "bytes=" + PIECE + "-");
  }

  @Test
  void serverWithoutRangesIsAskedOnce() throws Exception {
    registry.fault =
        request -> {
          request.sendResponseHeaders(200, LARGE.length);
          request.getResponseBody().write(LARGE);
          return true;
        };
    assertThat(blob(open(4), LARGE_BLOB)).isEqualTo(LARGE);
    assertThat(registry.requests).hasSize(1);
  }

  @Test
  void brokenPieceIsTakenUpWhereItBroke() throws Exception {
    AtomicInteger again = new AtomicInteger();
    registry.fault =
        request -> {
          FakeRegistry.Part part = part(request);
          if (part.start() == 3 * PIECE) {
            part.addTo(request, LARGE.length);
            request.sendResponseHeaders(206, part.length());
            request.getResponseBody().write(LARGE, part.start(), 5000);
            request.getResponseBody().flush();
            throw new IOException("cut");
          }
          if (part.start() == 3 * PIECE + 5000) {
            again.incrementAndGet();
          }
          return false;
        };
    assertThat(blob(open(3), LARGE_BLOB)).isEqualTo(LARGE);
    assertThat(again).hasValue(1);
  }

  /** Other bytes than asked for, or of something else: the rest comes over one connection. */
  @Test
  void wrongPartsAreRefused() throws Exception {
    String size = "/" + LARGE.length;
    for (String wrong :
        List.of(
            "",
            "bytes",
            "bytes 0-10/5",
            "bytes */" + LARGE.length,
            "bytes " + (2 * PIECE + 1) + "-" + (3 * PIECE - 1) + size,
            "bytes " + 2 * PIECE + "-" + (3 * PIECE - 1) + "/" + (LARGE.length + 1))) {
      refuses(request -> {
        request.getResponseHeaders().set("Content-Range", wrong);
        request.sendResponseHeaders(206, PIECE);
        request.getResponseBody().write(new byte[PIECE]);
      });
    }
    refuses(request -> {
      request.getResponseHeaders().set("ETag", "\"another\"");
      part(request).addTo(request, LARGE.length);
      request.sendResponseHeaders(206, PIECE);
      request.getResponseBody().write(new byte[PIECE]);
    });
    refuses(request -> FakeRegistry.answer(request, 200, "something else"));
  }

  private interface Answer {
    void to(HttpExchange request) throws IOException;
  }

  private void refuses(Answer answer) throws Exception {
    List<String> plain = new ArrayList<>();
    registry.fault =
        request -> {
          if (!request.getRequestHeaders().containsKey("Range")) {
            plain.add("whole");
            return false;
          }
          if (part(request).start() != 2 * PIECE) {
            return false;
          }
          answer.to(request);
          return true;
        };
    assertThat(blob(open(3), LARGE_BLOB)).isEqualTo(LARGE);
    assertThat(plain).hasSize(1);
  }

  @Test
  void serverMayGiveLessThanAPiece() throws Exception {
    registry.fault =
        request -> {
          FakeRegistry.Part part = part(request);
          int length = Math.min(part.length(), PIECE - 1000);
          FakeRegistry.Part less = new FakeRegistry.Part(part.start(), part.start() + length);
          less.addTo(request, LARGE.length);
          request.sendResponseHeaders(206, length);
          request.getResponseBody().write(LARGE, part.start(), length);
          return true;
        };
    assertThat(blob(open(3), LARGE_BLOB)).isEqualTo(LARGE);
  }

  @Test
  void pieceThatFailsForGoodFailsTheBlob() throws Exception {
    registry.fault =
        request -> {
          if (registry.requests.size() < 3) {
            return false;
          }
          FakeRegistry.answer(request, 500, "broken");
          return true;
        };
    Repository repository = open(4);
    assertThatThrownBy(() -> blob(repository, LARGE_BLOB))
        .hasMessageContaining("500: broken")
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.UNAVAILABLE));
    registry.fault = request -> false;
    assertThat(blob(repository, LARGE_BLOB)).isEqualTo(LARGE); // all places are free again
  }

  /** Who waits for a place gets one when the next piece is there, not when the blob is. */
  @Test
  void furtherConnectionsLeaveWhenOthersWait() throws Exception {
    Repository repository = open(2);
    CountDownLatch two = new CountDownLatch(2);
    CountDownLatch smallIsHere = new CountDownLatch(1);
    CompletableFuture<byte[]> result = new CompletableFuture<>();
    Thread small =
        Threads.unstarted(
            "small",
            () -> {
              try {
                result.complete(blob(repository, SMALL_BLOB));
              } catch (Exception e) {
                result.completeExceptionally(e);
              }
            });
    AtomicInteger pieces = new AtomicInteger();
    registry.fault =
        request -> {
          if (request.getRequestURI().getPath().contains(SMALL_BLOB.digest().hex())) {
            return false;
          }
          int piece = pieces.getAndIncrement();
          if (piece == 2) {
            small.start();
          }
          if (piece == 1 || piece == 2) {
            two.countDown();
            await(two);
            while (small.getState() != Thread.State.WAITING) {
              Thread.yield();
            }
          } else if (piece > 2) {
            await(smallIsHere);
          }
          return false;
        };
    result.thenRun(smallIsHere::countDown);
    assertThat(blob(repository, LARGE_BLOB)).isEqualTo(LARGE);
    assertThat(result.get()).isEqualTo(SMALL);
  }

  @Test
  void interruptEndsAllConnections() throws Exception {
    CountDownLatch waiting = new CountDownLatch(2);
    CountDownLatch over = new CountDownLatch(1);
    registry.fault =
        request -> {
          if (part(request).start() > 0) {
            waiting.countDown();
            await(over);
          }
          return false;
        };
    Repository repository = open(2);
    CompletableFuture<Throwable> end = new CompletableFuture<>();
    Thread pull =
        Threads.start(
            "pull",
            () -> {
              try {
                blob(repository, LARGE_BLOB);
                end.complete(new AssertionError("ended well"));
              } catch (Throwable e) {
                end.complete(e);
              }
            });
    await(waiting);
    pull.interrupt();
    assertThat(end.get(20, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
    over.countDown();
    registry.fault = request -> false;
    assertThat(blob(repository, LARGE_BLOB)).isEqualTo(LARGE);
  }

  @Test
  void mirrorThatFailsIsNotAskedForEveryPiece() throws Exception {
    try (FakeRegistry mirror = new FakeRegistry()) {
      RegistrySettings.Host host =
          new RegistrySettings.Host(
              Optional.of(true), false, List.of(mirror.host()), List.of(), List.of());
      Repository repository =
          new RegistryClient(
                  new RegistrySettings(Map.of(registry.host(), host), Duration.ofMillis(5)))
              .open(ImageReference.parse(registry.host() + "/a:v1"), CredentialSource.ANONYMOUS);
      assertThat(blob(repository, LARGE_BLOB)).isEqualTo(LARGE);
      assertThat(mirror.requests).hasSize(1);
    }
  }
}
