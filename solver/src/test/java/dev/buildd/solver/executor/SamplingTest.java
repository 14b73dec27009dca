package dev.buildd.solver.executor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.metrics.ResourceSample;
import dev.buildd.base.metrics.ResourceUsage;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class SamplingTest {
  /** One that is looked at so often, and gone then. */
  private static final class Watched implements Container {
    private final int times;
    private final CountDownLatch gone = new CountDownLatch(1);
    private int looked; // of the thread that looks

    Watched(int times) {
      this.times = times;
    }

    @Override
    public ResourceSample sample() throws IOException {
      if (looked++ == times) {
        gone.countDown();
        throw new IOException("No such device");
      }
      return new ResourceSample(
          Instant.ofEpochSecond(looked),
          Optional.empty(),
          OptionalLong.of(looked),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty());
    }

    @Override
    public ContainerProcess first() {
      throw new UnsupportedOperationException();
    }

    @Override
    public ContainerProcess exec(Joining process, ProcessIo io) {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean ranOutOfMemory() {
      return false;
    }

    @Override
    public ResourceUsage usage() {
      return ResourceUsage.UNKNOWN;
    }

    @Override
    public void close() {}
  }

  @Test
  void whatRunsForLongHasFewerSamplesOfEachMinute() throws Exception {
    Watched container = new Watched(150);
    try (Sampling sampling = Sampling.of(container, "it", Duration.ofNanos(1000))) {
      container.gone.await();
      List<Long> seen =
          sampling.samples().stream().map(sample -> sample.memory().orElseThrow()).toList();
      assertThat(seen).isSorted().doesNotHaveDuplicates();
      // 61 of which 30 were kept, then 31 more, and so on
      assertThat(seen).hasSizeBetween(30, Sampling.MAX_SAMPLES).startsWith(8L).endsWith(150L);
    }
  }

  @Test
  void nobodyLooksAnyMoreOnceItIsClosed() throws Exception {
    Watched container = new Watched(Integer.MAX_VALUE);
    Sampling sampling = Sampling.of(container, "it", Duration.ofHours(1));
    sampling.close();
    assertThat(sampling.samples()).isEmpty();
  }
}
