package dev.buildd.solver.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Platform;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
final class MachinePlatformsTest {
  private final AtomicLong now = new AtomicLong();
  private final AtomicInteger probes = new AtomicInteger();

  private static List<Platform> platforms(String... all) {
    return Arrays.stream(all).map(Platform::parse).toList();
  }

  /** Something else is found each time. */
  private MachinePlatforms changing(Duration maxAge) throws Exception {
    return new MachinePlatforms(
        () -> platforms("linux/arm64", "linux/found" + probes.incrementAndGet()),
        List.of(),
        maxAge,
        now::get);
  }

  private static boolean runs(Path program) throws Exception {
    try {
      return new ProcessBuilder(program.toString()).start().waitFor() == 0;
    } catch (IOException e) {
      return false; // the kernel knows no such programs
    }
  }

  @Test
  @Tag("root")
  void whateverRunsIsFound(@TempDir Path directory) throws Exception {
    MachinePlatforms machine = MachinePlatforms.open(directory, List.of(), Duration.ZERO);
    Set<String> running = new TreeSet<>();
    for (ProbeProgram program : ProbeProgram.values()) {
      if (runs(directory.resolve(program.architecture()))) {
        running.add(program.architecture());
      }
    }
    Platform host = Platform.host().normalized();
    assertThat(running).contains(host.architecture());
    assertThat(machine.known()).startsWith(host).doesNotHaveDuplicates();
    assertThat(machine.known().stream().map(Platform::architecture)).hasSameElementsAs(running);
  }

  @Test
  void whatWasFoundStandsForAWhile() throws Exception {
    MachinePlatforms machine = changing(Duration.ofSeconds(20));
    now.addAndGet(Duration.ofSeconds(19).toNanos());
    machine.refresh();
    assertThat(machine.known()).isEqualTo(platforms("linux/arm64", "linux/found1"));
    now.addAndGet(Duration.ofSeconds(1).toNanos());
    assertThat(machine.known()).as("before somebody asks").contains(Platform.parse("linux/found1"));
    machine.refresh();
    assertThat(machine.known()).isEqualTo(platforms("linux/arm64", "linux/found2"));
    machine.refresh();
    assertThat(probes).hasValue(2);
  }

  @Test
  void anAgeBelowZeroIsNeverReached() throws Exception {
    MachinePlatforms machine = changing(Duration.ofSeconds(-1));
    now.addAndGet(Duration.ofDays(1000).toNanos());
    machine.refresh();
    assertThat(probes).hasValue(1);
  }

  @Test
  void configuredPlatformsStandBeforeThoseThatTheyDoNotRun() throws Exception {
    MachinePlatforms machine =
        new MachinePlatforms(
            () -> platforms("linux/amd64", "linux/amd64/v2", "linux/386", "linux/arm64"),
            platforms("linux/riscv64", "linux/amd64"),
            Duration.ZERO,
            now::get);
    assertThat(machine.known())
        .isEqualTo(platforms("linux/riscv64", "linux/amd64", "linux/amd64/v2", "linux/arm64"));
  }

  @Test
  void levelsOfAmd64NeedAllBelow() {
    String two = "cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3";
    String three = "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave";
    String four = "avx512bw avx512cd avx512dq avx512f avx512vl";
    assertThat(levels("fpu " + two)).containsExactly("v2");
    assertThat(levels(two + " " + three + " pse")).containsExactly("v2", "v3");
    assertThat(levels(four + " " + three + " " + two)).containsExactly("v2", "v3", "v4");
    assertThat(levels(three + " " + four)).isEmpty();
    assertThat(MachinePlatforms.flags("processor : 0\n")).isEmpty();
  }

  private static List<String> levels(String flags) {
    return MachinePlatforms.variants(
        MachinePlatforms.flags("processor\t: 0\nflags\t\t: " + flags + "\nbugs\t\t: none\n"));
  }
}
