package dev.buildd.session.filesync.transfer;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.filesync.source.FileStat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Whatever a sender says, the receiver ends, and nothing outside of its directory changes. Run with
 * {@code JAZZER_FUZZ=1} to look for new inputs.
 */
class ReceiverFuzzTest {
  private static final List<String> NAMES =
      List.of("a", "b", "..", ".", "", "a/b", "a/..", "../secret", "/etc", "a//b", "c/d", "ü", "c");
  private static final List<String> LINKS =
      List.of("", "a", "b", "..", "../secret", "/", "a/b", "c");

  private record Script(Deque<Packet> packets) implements PacketStream {
    @Override
    public @Nullable Packet read() {
      return packets.poll();
    }

    @Override
    public void write(Packet packet) {}

    @Override
    public boolean offer(Packet packet) {
      return true;
    }
  }

  @FuzzTest(maxDuration = "30s")
  void nothingOutsideChanges(FuzzedDataProvider data) throws IOException {
    Path root = Files.createTempDirectory("receiver-fuzz");
    try {
      Path destination = Files.createDirectory(root.resolve("dst"));
      Files.createSymbolicLink(destination.resolve("c"), root);
      Files.writeString(root.resolve("secret"), "untouched");
      try {
        new Receiver(new Script(packets(data)), destination, ReceiveOptions.defaults()).run();
      } catch (Exception e) {
        // refused, or ended early: both are right
      }
      if (!Files.readString(root.resolve("secret")).equals("untouched")) {
        throw new AssertionError("a file outside was changed");
      }
      try (var there = Files.list(root)) {
        if (there.count() != 2) {
          throw new AssertionError("a file outside was made");
        }
      }
    } finally {
      delete(root);
    }
  }

  private static Deque<Packet> packets(FuzzedDataProvider data) {
    Deque<Packet> packets = new ArrayDeque<>();
    while (data.remainingBytes() > 0 && packets.size() < 50) {
      packets.add(
          switch (data.consumeInt(0, 7)) {
            case 0 -> Packets.END_OF_WALK;
            case 1 -> Packets.FIN;
            case 2 -> Packets.endOfData(data.consumeInt(-1, 8));
            case 3 -> Packets.data(data.consumeInt(-1, 8), new byte[] {1, 2, 3}, 3);
            case 4 -> Packets.error("no");
            default ->
                Packets.stat(
                    new FileStat(
                        data.consumeBoolean()
                            ? data.pickValue(NAMES)
                            : data.consumeString(12).replace('\n', '/'),
                        data.pickValue(
                            List.of(0644, 1 << 31 | 0755, 1 << 27 | 0777, 1 << 25 | 0600)),
                        0,
                        0,
                        data.consumeLong(),
                        data.consumeLong(-1, 1_000_000_000_000L),
                        data.pickValue(LINKS),
                        0,
                        0,
                        new TreeMap<>()));
          });
    }
    return packets;
  }

  private static void delete(Path root) throws IOException {
    try (var all = Files.walk(root)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
