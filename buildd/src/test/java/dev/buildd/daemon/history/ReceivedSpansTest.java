package dev.buildd.daemon.history;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class ReceivedSpansTest {
  @Test
  void tracesOfWhichNobodyHandsOverAnythingAreForgotten() {
    Instant[] now = {Instant.EPOCH};
    InstantSource source = () -> now[0];
    Clock clock = source.withZone(ZoneOffset.UTC);
    ReceivedSpans received = new ReceivedSpans(clock, false);
    for (int i = 0; i < 1_000; i++) {
      received.listen(String.format("%032x", i)).close();
      now[0] = now[0].plus(Duration.ofSeconds(1));
    }
    assertThat(received.size()).isLessThan(100); // those of the last minute
  }
}
