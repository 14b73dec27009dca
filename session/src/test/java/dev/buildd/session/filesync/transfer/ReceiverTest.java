package dev.buildd.session.filesync.transfer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.linux.GoFileMode;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.filesync.source.FileStat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a sender with bad intentions can do: nothing outside of the destination. */
@Timeout(30)
class ReceiverTest {
  @TempDir Path temp;
  private Path destination;
  private Path outside;

  ReceiverTest() {
    destination = Path.of("/nonexistent");
    outside = destination;
  }

  @BeforeEach
  void makeDirectories() throws Exception {
    destination = Files.createDirectory(temp.resolve("dst"));
    outside = Files.createDirectory(temp.resolve("outside"));
    Files.writeString(outside.resolve("secret"), "untouched");
  }

  /** Says what it was told to say, whatever it hears. */
  private static final class Script implements PacketStream {
    final Deque<Packet> says;
    final List<Packet> hears = Collections.synchronizedList(new ArrayList<>());

    final CountDownLatch requested = new CountDownLatch(1);
    boolean awaitsRequest;

    Script(Packet... says) {
      this.says = new ArrayDeque<>(List.of(says));
    }

    @Override
    public @Nullable Packet read() throws InterruptedException {
      Packet next = says.poll();
      if (next == null && awaitsRequest) {
        requested.await();
      }
      return next;
    }

    @Override
    public void write(Packet packet) {
      hears.add(packet);
      requested.countDown();
    }

    @Override
    public boolean offer(Packet packet) {
      return hears.add(packet);
    }
  }

  private static Packet file(String path) {
    return Packets.stat(FileStat.file(path, 0644, 3, 0));
  }

  private static Packet directory(String path) {
    return Packets.stat(FileStat.directory(path, 0755, 0));
  }

  private static Packet link(String path, int mode, String target) {
    return Packets.stat(new FileStat(path, mode, 0, 0, 0, 0, target, 0, 0, new TreeMap<>()));
  }

  private void refuses(String why, Packet... packets) throws Exception {
    Script script = new Script(packets);
    assertThatThrownBy(() -> new Receiver(script, destination, ReceiveOptions.defaults()).run())
        .hasMessageContaining(why);
    assertThat(script.hears.getLast().getType()).isEqualTo(Packet.PacketType.PACKET_ERR);
    assertThat(outside.resolve("secret")).hasContent("untouched");
    try (var there = Files.list(outside)) {
      assertThat(there).hasSize(1);
    }
  }

  @Test
  void pathsThatLeadOut() throws Exception {
    refuses("escapes", file(".."));
    refuses("escapes", file("../outside/secret"));
    refuses("unclean", directory("a"), file("a/.."));
    refuses("unclean", directory("a"), file("a/../../outside/secret"));
    refuses("absolute", file("/etc/passwd"));
    refuses("invalid path", file(""));
    refuses("invalid path", file("."));
    refuses("invalid path", file("a\0b"));
    refuses("unclean", file("a//b"));
    refuses("unclean", file("./a"));
  }

  @Test
  void entriesOutOfOrder() throws Exception {
    refuses("out of order", file("b"), file("a"));
    refuses("out of order", file("b"), file("b"));
    refuses("out of order", file("a/b"));
    refuses("out of order", file("a"), file("a/b"));
    refuses("out of order", directory("a"), file("b"), file("a/c"));
    refuses("out of order", directory("a"), directory("a"));
  }

  @Test
  void writingThroughALink() throws Exception {
    refuses(
        "out of order", link("a", GoFileMode.SYMLINK | 0777, outside.toString()), file("a/secret"));
    Files.createSymbolicLink(destination.resolve("dir"), outside);
    Script script = new Script(directory("dir"), file("dir/secret"));
    script.awaitsRequest = true;
    assertThatThrownBy(() -> new Receiver(script, destination, ReceiveOptions.defaults()).run())
        .hasMessageContaining("unexpected end");
    assertThat(outside.resolve("secret")).hasContent("untouched");
    assertThat(Files.isSymbolicLink(destination.resolve("dir"))).isFalse();
  }

  @Test
  void hardlinksToWhatWasNotSent() throws Exception {
    refuses("unknown path", link("a", 0644, outside.resolve("secret").toString()));
    refuses("unknown path", link("a", 0644, "../outside/secret"));
    refuses("unknown path", link("a", 0644, "a"));
  }

  @Test
  void contentNobodyAskedFor() throws Exception {
    refuses("not asked for", Packets.data(0, "abc".getBytes(UTF_8), 3));
    refuses("not asked for", file("a"), Packets.data(77, "abc".getBytes(UTF_8), 3));
    refuses("not asked for", directory("a"), Packets.endOfData(0));
  }

  @Test
  void otherNonsense() throws Exception {
    refuses("negative size", Packets.stat(FileStat.file("a", 0644, -1, 0)));
    refuses("after the end", Packets.END_OF_WALK, file("a"));
    refuses("not complete", file("a"), Packets.END_OF_WALK, Packets.FIN);
    refuses("unexpected end", file("a"));
    refuses("error from sender: boo", Packets.error("boo"));
  }

  @Test
  void deletionDoesNotFollowLinks() throws Exception {
    Files.createSymbolicLink(destination.resolve("dir"), outside);
    Script script = new Script(Packets.END_OF_WALK);
    assertThatThrownBy(() -> new Receiver(script, destination, ReceiveOptions.defaults()).run())
        .hasMessageContaining("unexpected end");
    assertThat(outside.resolve("secret")).hasContent("untouched");
  }

  /** Tells of many files before it sends the content of the first. */
  private final class Hoarder implements PacketStream {
    private static final int FILES = 1500;
    private static final int END = Integer.MAX_VALUE;
    final BlockingQueue<Packet> hears = new LinkedBlockingQueue<>();
    private final Deque<Packet> content = new ArrayDeque<>();
    private int told;
    private int sent;
    int mostOpen;

    @Override
    public @Nullable Packet read() throws Exception {
      if (told < FILES) {
        return file("f%04d".formatted(told++));
      }
      if (told == FILES) {
        told++;
        return Packets.END_OF_WALK;
      }
      if (told == END) {
        return null;
      }
      if (content.isEmpty() && sent == 0) {
        while (hears.size() < 1024) {
          Thread.sleep(1);
        }
      }
      mostOpen = Math.max(mostOpen, openFiles());
      if (content.isEmpty()) {
        Packet heard = hears.take();
        if (heard.getType() == Packet.PacketType.PACKET_FIN) {
          told = END;
          return Packets.FIN;
        }
        int id = heard.getID();
        content.add(Packets.data(id, "%03d".formatted(id % 1000).getBytes(UTF_8), 3));
        content.add(Packets.endOfData(id));
        sent++;
      }
      return content.poll();
    }

    @Override
    public void write(Packet packet) {
      hears.add(packet);
    }

    @Override
    public boolean offer(Packet packet) {
      return hears.add(packet);
    }
  }

  private int openFiles() throws IOException {
    int open = 0;
    try (var all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : all) {
        try {
          open += Files.readSymbolicLink(descriptor).startsWith(destination.toRealPath()) ? 1 : 0;
        } catch (NoSuchFileException e) {
          // closed since
        }
      }
    }
    return open;
  }

  @Test
  void manyFilesThatWaitDoNotTakeAllDescriptors() throws Exception {
    Hoarder hoarder = new Hoarder();
    new Receiver(hoarder, destination, ReceiveOptions.defaults()).run();
    for (int i = 0; i < Hoarder.FILES; i++) {
      assertThat(destination.resolve("f%04d".formatted(i))).hasContent("%03d".formatted(i % 1000));
    }
    assertThat(hoarder.mostOpen).isBetween(200, 260);
    assertThat(openFiles()).isZero();
  }

  @Test
  void aFailedTransferClosesItsFiles() throws Exception {
    Packet[] packets = new Packet[101];
    for (int i = 0; i < 100; i++) {
      packets[i] = file("f%04d".formatted(i));
    }
    packets[100] = Packets.error("boo");
    refuses("boo", packets);
    assertThat(openFiles()).isZero();
  }
}
