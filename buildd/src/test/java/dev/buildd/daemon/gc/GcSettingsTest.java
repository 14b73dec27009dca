package dev.buildd.daemon.gc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.gateway.WorkerInfo.GcPolicy;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class GcSettingsTest {
  private static final long GB = 1_000_000_000;
  private static final long HOURS_48 = Duration.ofDays(2).toNanos();
  private static final long DAYS_60 = Duration.ofDays(60).toNanos();
  private static final List<String> EASY =
      List.of("type==source.local", "type==exec.cachemount", "type==source.git.checkout");

  /** What stock's daemon computes on disks of these sizes. */
  @ParameterizedTest
  @CsvSource({
    "107374182400, 10000000000, 81000000000, 21000000000",
    "107374182400000, 10000000000, 100000000000, 20001000000000",
    "0, 2000000000, 2000000000, 2000000000",
    "1073741824, 1000000000, 1000000000, 1000000000",
  })
  void fourRulesComeFromTheDisksSize(long disk, long reserved, long maximum, long free) {
    assertThat(GcSettings.DEFAULT.rules(disk))
        .containsExactly(
            new GcPolicy(false, HOURS_48, EASY, 0, 512_000_000, 0),
            new GcPolicy(false, DAYS_60, List.of(), reserved, maximum, free),
            new GcPolicy(false, 0, List.of(), reserved, maximum, free),
            new GcPolicy(true, 0, List.of(), reserved, maximum, free));
  }

  @Test
  void theOlderNameReservesIfNoSpaceIsSaid() {
    DiskSpace older = DiskSpace.parse("10GB");
    GcSettings settings =
        new GcSettings(true, older, DiskSpace.NONE, DiskSpace.NONE, DiskSpace.NONE, List.of());
    assertThat(settings.rules(1L << 40).getLast())
        .isEqualTo(new GcPolicy(true, 0, List.of(), 10L << 30, 0, 0));
    assertThat(
            settings
                .withSpace(DiskSpace.NONE, DiskSpace.ofBytes(5), DiskSpace.NONE)
                .rules(1L << 40)
                .getLast())
        .isEqualTo(new GcPolicy(true, 0, List.of(), 0, 5, 0));
  }

  @Test
  void policiesStandForTheRulesAndNothingGoesIfItIsOff() {
    GcSettings.Policy policy =
        new GcSettings.Policy(
            true,
            List.of("type==regular"),
            Duration.ofMinutes(1),
            DiskSpace.ofBytes(7),
            DiskSpace.NONE,
            DiskSpace.ofPercent(50),
            DiskSpace.NONE);
    GcSettings settings =
        new GcSettings(
            true,
            DiskSpace.NONE,
            DiskSpace.ofBytes(1),
            DiskSpace.NONE,
            DiskSpace.NONE,
            List.of(policy));
    assertThat(settings.rules(100L << 30))
        .containsExactly(new GcPolicy(true, 60 * GB, List.of("type==regular"), 7, 51 * GB, 0));
    assertThat(settings.withEnabled(false).rules(100L << 30)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "512000000, 512000000, 0",
    "512MB, 536870912, 0",
    "1.5g, 1610612736, 0",
    "2 TiB, 2199023255552, 0",
    "3kb, 3072, 0",
    "7B, 7, 0",
    "20%, 0, 20",
    "0, 0, 0",
  })
  void amountsAreReadAsStockReadsThem(String text, long bytes, long percent) {
    assertThat(DiskSpace.parse(text)).isEqualTo(new DiskSpace(bytes, percent));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-1",
        "MB",
        "1 pound",
        "101%",
        "-5%",
        "1.5%",
        "9999999999999999999",
        "8388608TB"
      })
  void whatIsNoAmountIsRefusedByName(String text) {
    assertThatThrownBy(() -> DiskSpace.parse(text)).hasMessageContaining(text);
  }
}
