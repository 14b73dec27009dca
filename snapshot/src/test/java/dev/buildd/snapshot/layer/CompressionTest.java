package dev.buildd.snapshot.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.EnumSet;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CompressionTest {
  private static final Set<Compression> ANY_CONTENT =
      EnumSet.complementOf(EnumSet.of(Compression.ESTARGZ));

  private static byte[] content(int size) {
    byte[] out = new byte[size];
    Random random = new Random(7);
    for (int i = 0; i < size; i++) { // half of it repeats itself
      out[i] = (byte) (i % 4096 < 2048 ? i % 64 : random.nextInt());
    }
    return out;
  }

  private static byte[] compress(Compression kind, byte[] content, int atOnce, int level)
      throws Exception {
    ByteArrayOutputStream to = new ByteArrayOutputStream();
    try (OutputStream out =
        kind.compress(to, level < 0 ? OptionalInt.empty() : OptionalInt.of(level))) {
      for (int at = 0; at < content.length; at += atOnce) {
        out.write(content, at, Math.min(atOnce, content.length - at));
      }
    }
    return to.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4095, 256 << 10, (256 << 10) + 1, 3_000_000})
  void whatIsCompressedComesBack(int size) throws Exception {
    byte[] content = content(size);
    for (Compression kind : ANY_CONTENT) {
      byte[] packed = compress(kind, content, 10_000, -1);
      assertThat(Compression.decompress(new ByteArrayInputStream(packed)).readAllBytes())
          .as("%s of %d bytes", kind, size)
          .isEqualTo(content);
    }
    byte[] gzip = compress(Compression.GZIP, content, 10_000, 9);
    assertThat(new GZIPInputStream(new ByteArrayInputStream(gzip)).readAllBytes())
        .isEqualTo(content);
  }

  @Test
  void theBytesDependOnTheContentAlone() throws Exception {
    byte[] content = content(2_000_000);
    for (Compression kind : ANY_CONTENT) {
      assertThat(compress(kind, content, 7, -1)).isEqualTo(compress(kind, content, 500_000, -1));
    }
    assertThat(compress(Compression.GZIP, content, 1000, -1).length)
        .isLessThan(content.length * 6 / 10);
  }

  @Test
  void gzipItselfAgrees() throws Exception {
    byte[] content = content(1_500_000);
    Process gzip = new ProcessBuilder("gzip", "-dc").start();
    Thread feeder =
        Thread.ofVirtual()
            .start(() -> {
              try (OutputStream to = gzip.getOutputStream()) {
                to.write(compress(Compression.GZIP, content, 4096, -1));
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            });
    assertThat(gzip.getInputStream().readAllBytes()).isEqualTo(content);
    assertThat(gzip.waitFor()).isZero();
    feeder.join();
  }

  @Test
  void namesAreThoseOfAttributes() {
    assertThat(Compression.parse("uncompressed")).isEqualTo(Compression.NONE);
    assertThat(Compression.parse("zstd")).isEqualTo(Compression.ZSTD);
    assertThat(Compression.parse("estargz")).isEqualTo(Compression.ESTARGZ);
    assertThatThrownBy(() -> Compression.parse("lzma"))
        .hasMessage("unsupported compression type lzma");
  }

  /** The frame asks for the memory in its first bytes, before there is any content. */
  @Test
  void zstdWindowBeyondTheLimitIsRefused() throws Exception {
    assertThat(Compression.decompress(new ByteArrayInputStream(frame(27))).readAllBytes())
        .isEmpty();
    for (int log : new int[] {28, 31, 41}) {
      assertThatThrownBy(
              () -> Compression.decompress(new ByteArrayInputStream(frame(log))).readAllBytes())
          .as("2^%d bytes", log)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("too much memory");
    }
  }

  /** An empty frame with a window of that power of two (RFC 8878, 3.1.1). */
  private static byte[] frame(int windowLog) {
    return new byte[] {
      0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, (byte) ((windowLog - 10) << 3), 1, 0, 0
    };
  }
}
