package dev.buildd.base.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What falls into which bucket. */
final class HistogramTest {
  @Test
  void aBoundBelongsToItsBucketAndTheLastHoldsAll() {
    Histogram histogram = new Histogram(0.1, 1);
    for (Duration took :
        List.of(
            Duration.ZERO,
            Duration.ofMillis(100),
            Duration.ofMillis(101),
            Duration.ofSeconds(1),
            Duration.ofSeconds(5))) {
      histogram.record(took);
    }
    assertThat(histogram.snapshot())
        .isEqualTo(new Histogram.Snapshot(List.of(0.1, 1.0), List.of(2L, 4L, 5L), 6.201));
    assertThat(histogram.snapshot().count()).isEqualTo(5);
  }

  @Test
  void boundsAscend() {
    assertThatThrownBy(() -> new Histogram(1, 1)).hasMessageContaining("[1.0, 1.0]");
  }
}
