package dev.buildd.snapshot.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.ZipException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ReadAheadTest {
  private static final int BUFFER = 256 << 10;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, BUFFER - 1, BUFFER, BUFFER + 1, 10 * BUFFER})
  void bytesComeInOrder(int size) throws Exception {
    byte[] content = new byte[size];
    new Random(3).nextBytes(content);
    try (ReadAhead in = new ReadAhead(new ByteArrayInputStream(content))) {
      assertThat(in.readAllBytes()).isEqualTo(content);
      assertThat(in.read()).isEqualTo(-1);
      assertThat(in.read(new byte[5])).isEqualTo(-1);
    }
  }

  @Test
  void failureIsTheOneOfTheStreamBelowWhateverIsReadOn() throws Exception {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new ZipException("bad block");
          }

          @Override
          public int read(byte[] to, int at, int length) throws IOException {
            throw new ZipException("bad block");
          }
        };
    try (ReadAhead in = new ReadAhead(broken)) {
      assertThatThrownBy(in::read).isInstanceOf(ZipException.class).hasMessage("bad block");
      assertThatThrownBy(in::read).isInstanceOf(ZipException.class).hasMessage("bad block");
    }
  }

  @Test
  void errorsReachTheUserToo() throws Exception {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() {
            throw new StackOverflowError("deep");
          }

          @Override
          public int read(byte[] to, int at, int length) {
            return read();
          }
        };
    try (ReadAhead in = new ReadAhead(broken)) {
      assertThatThrownBy(in::read).isInstanceOf(StackOverflowError.class);
    }
  }

  @Test
  void closingEarlyEndsTheReaderBeforeTheStreamBelowIsClosed() throws Exception {
    CountDownLatch reading = new CountDownLatch(1);
    AtomicBoolean inUse = new AtomicBoolean();
    AtomicBoolean closedInUse = new AtomicBoolean();
    InputStream endless =
        new InputStream() {
          @Override
          public int read() {
            return 0;
          }

          @Override
          public int read(byte[] to, int at, int length) {
            inUse.set(true);
            reading.countDown();
            inUse.set(false);
            return length;
          }

          @Override
          public void close() {
            closedInUse.set(inUse.get());
          }
        };
    ReadAhead in = new ReadAhead(endless);
    reading.await();
    in.close();
    assertThat(closedInUse).isFalse();
  }

  @Test
  void interruptOfTheUserEndsTheWait() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    InputStream silent =
        new InputStream() {
          @Override
          public int read() throws IOException {
            try {
              never.await();
            } catch (InterruptedException e) {
              throw new IOException(e);
            }
            return -1;
          }

          @Override
          public int read(byte[] to, int at, int length) throws IOException {
            return read();
          }
        };
    try (ReadAhead in = new ReadAhead(silent)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(in::read).isInstanceOf(IOException.class);
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
