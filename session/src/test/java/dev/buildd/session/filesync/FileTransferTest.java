package dev.buildd.session.filesync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.session.ClientSession;
import dev.buildd.session.Session;
import dev.buildd.session.Wired;
import dev.buildd.session.filesync.source.CompositeSource;
import dev.buildd.session.filesync.source.DirectorySource;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.FileSyncRequest;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.session.filesync.transfer.ChangeListener;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class FileTransferTest {
  @TempDir Path temp;

  /** Path to mode, size, time, link and content hash. */
  private static Map<String, String> picture(Path root) throws Exception {
    Map<String, String> out = new TreeMap<>();
    new DirectorySource(root)
        .walk(stat -> {
          String content = "";
          if (stat.isRegular()) {
            try {
              content =
                  HexFormat.of()
                      .formatHex(
                          MessageDigest.getInstance("SHA-256")
                              .digest(
                                  Files.readAllBytes(FileNames.raw(root.resolve(stat.path())))));
            } catch (java.security.NoSuchAlgorithmException e) {
              throw new IOException(e);
            }
          }
          out.put(
              stat.path(),
              Integer.toOctalString(stat.mode())
                  + " "
                  + stat.size()
                  + " "
                  + stat.modTime()
                  + " "
                  + stat.linkName()
                  + " "
                  + content);
          return true;
        });
    return out;
  }

  private Path tree(int files, int bigSize) throws IOException {
    Path root = Files.createDirectory(temp.resolve("src" + files));
    Random random = new Random(7);
    for (int i = 0; i < files; i++) {
      Path dir = root.resolve("d" + i % 40);
      Files.createDirectories(dir);
      Path file = dir.resolve("f" + i);
      byte[] content = new byte[random.nextInt(3000)];
      random.nextBytes(content);
      Files.write(file, content);
      Linux.chmod(file, i % 3 == 0 ? 0755 : 0600);
      Linux.utimensat(file, 0, 1_600_000_000_123_456_789L + i);
    }
    byte[] big = new byte[bigSize];
    random.nextBytes(big);
    Files.write(root.resolve("big"), big);
    Files.createSymbolicLink(root.resolve("link"), Path.of("d1/f1"));
    Files.createLink(root.resolve("zlink"), root.resolve("big"));
    Files.createFile(root.resolve("empty"));
    Files.writeString(root.resolve("grüße"), "hallo");
    Files.createDirectories(root.resolve("a/b"));
    Files.createDirectories(root.resolve("a.b"));
    String latin = FileNames.text(new byte[] {'o', (byte) 0xe9}); // sorts before the emoji's bytes
    Linux.mkdir(root.resolve(latin), 0755);
    Files.writeString(FileNames.raw(root.resolve(latin + "/x")), "odd");
    Linux.symlink(latin + "/x", root.resolve(latin + "l"));
    Files.writeString(root.resolve("o\uD83D\uDE00"), "emoji");
    Files.writeString(root.resolve("a/b/x"), "x");
    Files.writeString(root.resolve("a.b/x"), "y");
    return root;
  }

  private static FileSyncProvider offer(Path root) {
    return new FileSyncProvider(Map.of("src", new DirectorySource(root)));
  }

  private static final class Recorder implements ChangeListener {
    final AtomicInteger changed = new AtomicInteger();
    final List<String> removed = new ArrayList<>();
    final Map<String, String> digests = new TreeMap<>();

    @Override
    public MessageDigest begin(String path, FileStat stat) {
      return dev.buildd.base.content.Digest.newHash();
    }

    @Override
    public void changed(String path, FileStat stat, byte[] digest) {
      changed.incrementAndGet();
      digests.put(path, HexFormat.of().formatHex(digest));
    }

    @Override
    public void removed(String path) {
      removed.add(path);
    }
  }

  @Test
  void whatArrivesIsEqualAndASecondTransferSendsNothing() throws Exception {
    Path source = tree(2000, 50 << 20);
    Path destination = Files.createDirectory(temp.resolve("dst"));
    try (Wired wired = new Wired();
        ClientSession client = wired.client(offer(source))) {
      Session session = wired.session(client);
      Recorder first = new Recorder();
      AtomicLong bytes = new AtomicLong();
      FileSync.receive(
          session,
          FileSyncRequest.all("src"),
          destination,
          ReceiveOptions.defaults()
              .withListener(first)
              .withProgress(ReceiveOptions.Progress.of(bytes::set)));
      assertThat(picture(destination)).isEqualTo(picture(source));
      assertThat(first.changed.get()).isEqualTo(picture(source).size());
      assertThat(bytes.get()).isGreaterThan(50 << 20);
      assertThat(first.digests.get("a/b/x"))
          .isEqualTo(dev.buildd.base.content.Digest.of("x").hex());

      Recorder second = new Recorder();
      bytes.set(0);
      FileSync.receive(
          session,
          FileSyncRequest.all("src"),
          destination,
          ReceiveOptions.defaults()
              .withListener(second)
              .withProgress(ReceiveOptions.Progress.of(bytes::set)));
      assertThat(second.changed.get()).isZero();
      assertThat(bytes.get()).isLessThan(1 << 20);

      Files.delete(source.resolve("d3/f3"));
      Files.writeString(source.resolve("d4/f4"), "other");
      try (var below = Files.walk(source.resolve("a"))) {
        for (Path path : below.sorted(java.util.Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
      Files.writeString(source.resolve("a"), "a file now");
      Recorder third = new Recorder();
      FileSync.receive(
          session,
          FileSyncRequest.all("src"),
          destination,
          ReceiveOptions.defaults().withListener(third));
      assertThat(third.removed).containsExactly("d3/f3");
      assertThat(third.digests.keySet()).containsExactly("a", "d4/f4");
      Map<String, String> now = picture(destination);
      Map<String, String> want = picture(source);
      now.keySet().removeIf(path -> path.equals("d3") || path.equals("d4")); // times of directories
      want.keySet().removeIf(path -> path.equals("d3") || path.equals("d4"));
      assertThat(now).isEqualTo(want);
    }
  }

  @Test
  void sendsOnlyWhatIsAskedFor() throws Exception {
    Path source = tree(80, 10);
    try (Wired wired = new Wired();
        ClientSession client = wired.client(offer(source))) {
      Session session = wired.session(client);
      assertThat(names(session, new FileSyncRequest("src", List.of("a/b"), List.of(), List.of())))
          .containsExactly("a", "a/b", "a/b/x");
      assertThat(
              names(
                  session,
                  new FileSyncRequest("src", List.of("d1", "grüße"), List.of("**/f1"), List.of())))
          .containsExactly("d1", "d1/f41", "grüße");
      assertThat(
              names(session, new FileSyncRequest("src", List.of(), List.of("*", "!a*"), List.of())))
          .containsExactly("a", "a/b", "a/b/x", "a.b", "a.b/x");
      assertThat(names(session, new FileSyncRequest("src", List.of(), List.of(), List.of("link"))))
          .containsExactly("d1", "d1/f1", "link");
      assertThatThrownBy(() -> names(session, FileSyncRequest.all("nosuch")))
          .isInstanceOf(BuildException.class)
          .hasMessageContaining("no access allowed to dir \"nosuch\"")
          .extracting(e -> ((BuildException) e).category())
          .isEqualTo(Category.NOT_FOUND);
    }
  }

  private List<String> names(Session session, FileSyncRequest request) throws Exception {
    Path destination = Files.createTempDirectory(temp, "names");
    FileSync.receive(session, request, destination, ReceiveOptions.defaults());
    List<String> names = new ArrayList<>();
    new DirectorySource(destination)
        .walk(stat -> {
          names.add(stat.path());
          return true;
        });
    return names;
  }

  @Test
  void metadataAloneIsKeptButForExceptions() throws Exception {
    Path source = tree(10, 1000);
    Path destination = Files.createDirectory(temp.resolve("dst"));
    try (Wired wired = new Wired();
        ClientSession client = wired.client(offer(source))) {
      FileSync.receive(
          wired.session(client),
          FileSyncRequest.all("src"),
          destination,
          ReceiveOptions.defaults().withMetadataOnly(stat -> stat.path().equals("a/b/x")));
    }
    assertThat(picture(destination).keySet())
        .containsExactly(ReceiveOptions.METADATA_FILE, "a", "a/b", "a/b/x");
    assertThat(Files.readString(destination.resolve("a/b/x"))).isEqualTo("x");
    assertThat(Files.size(destination.resolve(ReceiveOptions.METADATA_FILE))).isGreaterThan(500);
  }

  @Test
  void resultsGoIntoDirectoriesAndFiles() throws Exception {
    Path source = tree(50, 1 << 20);
    Path merged = Files.createDirectory(temp.resolve("merged"));
    Files.writeString(merged.resolve("kept"), "old");
    Path mirrored = Files.createDirectory(temp.resolve("mirrored"));
    Files.writeString(mirrored.resolve("gone"), "old");
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    List<Map<String, String>> metadata = new ArrayList<>();
    FileSendTarget target =
        new FileSendTarget(
            Map.of(
                0,
                new FileSendTarget.Target.Directory(merged, false),
                1,
                new FileSendTarget.Target.Directory(mirrored, true),
                2,
                new FileSendTarget.Target.Stream(values -> {
                  metadata.add(values);
                  return Optional.of(file);
                }),
                3,
                new FileSendTarget.Target.Stream(values -> Optional.empty())));
    try (Wired wired = new Wired();
        ClientSession client = wired.client(target)) {
      Session session = wired.session(client);
      FsSource plain = new DirectorySource(source);
      FileSend.sendDirectory(
          session,
          0,
          false,
          new CompositeSource(Map.of("linux_arm64", plain, "linux_amd64", plain), 1_000_000_000L),
          ReceiveOptions.Progress.none());
      assertThat(picture(merged.resolve("linux_amd64"))).isEqualTo(picture(source));
      assertThat(picture(merged.resolve("linux_arm64"))).isEqualTo(picture(source));
      assertThat(merged.resolve("kept")).hasContent("old");

      FileSend.sendDirectory(session, 1, true, plain, ReceiveOptions.Progress.none());
      assertThat(picture(mirrored)).isEqualTo(picture(source));
      assertThatThrownBy(() ->
              FileSend.sendDirectory(session, 1, false, plain, ReceiveOptions.Progress.none()))
          .hasMessageContaining("mode=delete requires");
      assertThatThrownBy(() ->
              FileSend.sendDirectory(session, 9, false, plain, ReceiveOptions.Progress.none()))
          .hasMessageContaining("exporter 9 not found");

      byte[] content = new byte[5 << 20];
      new Random(3).nextBytes(content);
      FileSend.sendStream(
          session, 2, Map.of("containerimage.digest", "sha256:x"), out -> out.write(content));
      assertThat(file.toByteArray()).isEqualTo(content);
      assertThat(metadata).containsExactly(Map.of("containerimage.digest", "sha256:x"));
      FileSend.sendStream(session, 3, Map.of(), out -> out.write(content)); // there already
    }
  }

  @Test
  void cancelLeavesNoThread() throws Exception {
    CountDownLatch opened = new CountDownLatch(1);
    FsSource endless =
        new FsSource() {
          @Override
          public void walk(Visitor visitor) throws IOException, InterruptedException {
            visitor.visit(FileStat.file("endless", 0644, Long.MAX_VALUE, 0));
          }

          @Override
          public InputStream open(String path) {
            opened.countDown();
            return new InputStream() {
              @Override
              public int read() {
                return 'x';
              }

              @Override
              public int read(byte[] b, int off, int len) {
                return len;
              }
            };
          }
        };
    Path destination = Files.createDirectory(temp.resolve("dst"));
    try (Wired wired = new Wired();
        ClientSession client = wired.client(new FileSyncProvider(Map.of("src", endless)))) {
      Session session = wired.session(client);
      CountDownLatch ended = new CountDownLatch(1);
      Thread thread =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  FileSync.receive(
                      session, FileSyncRequest.all("src"), destination, ReceiveOptions.defaults());
                } catch (Exception e) {
                  ended.countDown();
                }
              });
      assertThat(opened.await(10, TimeUnit.SECONDS)).isTrue();
      thread.interrupt();
      assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();
    }
    for (int i = 0; i < 200 && transferThreads() > 0; i++) {
      Thread.sleep(20);
    }
    assertThat(transferThreads()).isZero();
  }

  private static long transferThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("fsutil-"))
        .count();
  }

  @Test
  void aFileThatCannotBeReadFailsTheTransfer() throws Exception {
    FsSource broken =
        new FsSource() {
          @Override
          public void walk(Visitor visitor) throws IOException, InterruptedException {
            visitor.visit(FileStat.file("f", 0644, 3, 0));
          }

          @Override
          public InputStream open(String path) throws IOException {
            throw new IOException("the disk is gone");
          }
        };
    try (Wired wired = new Wired();
        ClientSession client = wired.client(new FileSyncProvider(Map.of("src", broken)))) {
      Session session = wired.session(client);
      assertThatThrownBy(() -> names(session, FileSyncRequest.all("src")))
          .hasMessageContaining("the disk is gone");
    }
  }
}
