package dev.buildd.cache.contenthash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.Mounted;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The vectors are those of wire.md section 14.5. */
@Tag("root")
class ContentHashTest {
  private static final String DIR_HEADER =
      "1a2805521573cb10d73bcd51d16bfa84c8f461d68599740e35484b90b2ab1bab";
  private static final String FOO =
      "cd8e75bca50f2d695f220d0cb0997d8ead387e4f926e8669a92d7f104cc9885b";
  private static final String D0 =
      "d20a06cd324a0e3084b776d3cf77d8be8aabb06a5932230eb423e8fc30c6b042";
  private static final String EMPTY = Digest.of(new byte[0]).hex();

  @TempDir Path temp;
  private Path root;
  private ContentHash hash = ContentHash.onDisk();
  private final AtomicInteger mounts = new AtomicInteger();

  @BeforeEach
  void makeTree() throws IOException {
    root = Files.createDirectory(temp.resolve("root"));
    Linux.chmod(root, 0755);
    directory("d0");
    file("d0/abc", "data0");
    link("d0/def", "abc");
    directory("d0/ghi");
    file("foo", "data0");
    link("lnk", "/d0");
  }

  private void directory(String name) throws IOException {
    Linux.mkdir(root.resolve(name), 0755);
    Linux.chmod(root.resolve(name), 0755);
  }

  private void file(String name, String content) throws IOException {
    Files.writeString(root.resolve(name), content);
    Linux.chmod(root.resolve(name), 0644);
  }

  private void link(String name, String target) throws IOException {
    Linux.symlink(target, root.resolve(name));
  }

  private String sum(String path, ChecksumOptions options) {
    return hash.checksum(path, options, this::mount).hex();
  }

  private String sum(String path) {
    return sum(path, ChecksumOptions.PLAIN);
  }

  private Mounted mount() {
    mounts.incrementAndGet();
    return new Mounted() {
      @Override
      public Path path() {
        return root;
      }

      @Override
      public void close() {}
    };
  }

  private static ChecksumOptions include(String... patterns) {
    return ChecksumOptions.PLAIN.withPatterns(List.of(patterns), List.of());
  }

  private static ChecksumOptions exclude(String... patterns) {
    return ChecksumOptions.PLAIN.withPatterns(List.of(), List.of(patterns));
  }

  private static ChecksumOptions wildcard() {
    return ChecksumOptions.PLAIN.withWildcard(true);
  }

  private static ChecksumOptions follow() {
    return ChecksumOptions.PLAIN.withFollowLinks(true);
  }

  @Test
  void namesAreHashedAndOrderedAsBytes() throws IOException {
    directory("odd");
    byte[][] names = {{'f', (byte) 0xe9}, {(byte) 0xef, (byte) 0xbf, (byte) 0xbd}, {(byte) 0xff}};
    MessageDigest expected = Digest.newHash();
    expected.update((byte) 0);
    expected.update(("sha256:" + DIR_HEADER).getBytes(StandardCharsets.UTF_8));
    for (byte[] name : names) {
      Path file = root.resolve("odd").resolve(FileNames.text(name));
      Files.writeString(FileNames.raw(file), "data0");
      Linux.chmod(file, 0644);
      expected.update((byte) 0);
      expected.update(name);
      expected.update(("sha256:" + FOO).getBytes(StandardCharsets.UTF_8));
    }
    assertThat(sum("odd")).isEqualTo(Digest.ofHash(expected.digest()).hex());
    assertThat(sum("odd/" + FileNames.text(names[0]))).isEqualTo(FOO);
  }

  @Test
  void goldenVectors() {
    assertThat(sum("foo")).isEqualTo(FOO);
    assertThat(sum("/d0/abc")).isEqualTo(FOO);
    assertThat(sum("d0/def"))
        .isEqualTo("ab4a9741502be5b53fd2ff0a9d9530f7faaf3111c5934b190d09f6bf6c6a87e9");
    assertThat(sum("lnk"))
        .isEqualTo("902b7a2c76dc7008cd569451ebfecdb1c51c2dc94ab96df0ba7901dc36239c32");
    assertThat(sum("d0/ghi"))
        .isEqualTo("0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2");
    assertThat(sum("d0")).isEqualTo(D0);
    assertThat(sum("lnk", follow())).isEqualTo(D0);
    assertThat(sum("/"))
        .isEqualTo("d30a92416fb494799ba89565ad7caacbb532807b230a68f8e38e6d6bb1530328");
    assertThat(sum("f*", wildcard()))
        .isEqualTo("0bc65b6c08c1e2b4026e952a223c4a2d61de3b708cbd2352c16a8c6ff29d2415");
    assertThat(sum("d0/*", wildcard()))
        .isEqualTo("64e5ccfdee6394d36fea029b59a43a3a3885d5dd1fe69ed78a51cf124f84fffd");
    assertThat(sum("d0", include("a*")))
        .isEqualTo("85bcc8709f0c953e96b326db3829096674815b939bb86cd70d8027df7f585633");
    assertThat(sum("", exclude("foo")))
        .isEqualTo("a80a014cd8c8ed21ab4d889e3f0f47cd5d66457e9e726dfa8c93252e08357f44");
  }

  @Test
  @Timeout(10) // a FIFO that is opened waits for ever
  void devicesAndFifosAreHashedByWhatTheyAre() throws IOException {
    directory("n");
    Linux.mkfifo(root.resolve("n/fifo"), 0644);
    String fifo = sum("n");
    Linux.mknod(root.resolve("n/disk"), Stat.S_IFBLK | 0644, Linux.makeDevice(7, 7));
    hash = ContentHash.onDisk();
    String disk = sum("n");
    Linux.unlink(root.resolve("n/disk"));
    Linux.mknod(root.resolve("n/disk"), Stat.S_IFBLK | 0644, Linux.makeDevice(7, 8));
    hash = ContentHash.onDisk();
    assertThat(List.of(fifo, disk, sum("n"))).doesNotHaveDuplicates();
  }

  @Test
  void onlyWhatIsNeededIsReadAndOnlyOnce() {
    sum("foo");
    int once = mounts.get();
    assertThat(once).isEqualTo(1);
    sum("foo");
    sum("/foo");
    assertThat(mounts).hasValue(once);
  }

  @Test
  void linksOnTheWayStayInside() throws IOException {
    link("d0/up", "../../../../d0");
    link("far", "lnk/ghi/../abc");
    link("loop", "loop");
    link("dangling", "nowhere");
    link("toroot", "/");
    assertThat(sum("lnk/abc")).isEqualTo(FOO);
    assertThat(sum("d0/up/abc")).isEqualTo(FOO);
    assertThat(sum("far", follow())).isEqualTo(FOO);
    assertThat(sum("toroot/d0/abc")).isEqualTo(FOO);
    assertThat(sum("../../foo")).isEqualTo(FOO);
    assertThatThrownBy(() -> sum("dangling", follow())).hasMessageContaining("\"/dangling\"");
    assertThatThrownBy(() -> sum("loop", follow())).hasMessageContaining("too many links");
    assertThat(sum("toroot", follow())).isEqualTo(sum("/"));
  }

  @Test
  void missingIsNotFound() {
    assertThatThrownBy(() -> sum("none/x"))
        .isInstanceOf(BuildException.class)
        .hasMessage("\"/none/x\": not found")
        .extracting(e -> ((BuildException) e).category())
        .isEqualTo(Category.UNKNOWN);
    assertThatThrownBy(() -> sum("foo/x")).isInstanceOf(BuildException.class);
    assertThat(sum("none*", wildcard())).isEqualTo(EMPTY);
    assertThat(sum("none", include("a"))).isEqualTo(EMPTY);
    assertThatThrownBy(() -> sum("d0", include("a*").withRequiredPaths(List.of("/d0/zzz"))))
        .hasMessage("\"/d0/zzz\": not found");
  }

  private static String list(String... pathsAndDigests) {
    MessageDigest hash = Digest.newHash();
    for (int i = 0; i < pathsAndDigests.length; i += 2) {
      hash.update(pathsAndDigests[i].replace('/', '\0').getBytes(StandardCharsets.UTF_8));
      hash.update(("sha256:" + pathsAndDigests[i + 1]).getBytes(StandardCharsets.UTF_8));
    }
    return Digest.ofHash(hash.digest()).hex();
  }

  @Test
  void selectionsNameTheirPathsAndParents() throws IOException {
    directory("d0/ghi/deep");
    file("d0/ghi/deep/abc", "data0");
    assertThat(sum("d0", include("**/abc")))
        .isEqualTo(
            list(
                "/",
                DIR_HEADER,
                "/abc",
                FOO,
                "/ghi",
                DIR_HEADER,
                "/ghi/deep",
                DIR_HEADER,
                "/ghi/deep/abc",
                FOO));
    assertThat(sum("d0/", include("**/abc")))
        .isEqualTo(
            list("/abc", FOO, "/ghi", DIR_HEADER, "/ghi/deep", DIR_HEADER, "/ghi/deep/abc", FOO));
    assertThat(sum("d0/ghi", exclude("none")))
        .isEqualTo(list("/", DIR_HEADER, "/deep", DIR_HEADER, "/deep/abc", FOO));
    assertThat(sum("d0/ghi", exclude("deep"))).isEqualTo(DIR_HEADER);
    assertThat(sum("d?/gh*/deep/abc", wildcard())).isEqualTo(FOO);
    assertThat(sum("lnk/gh*/deep", wildcard()))
        .isEqualTo(list("/ghi/deep", DIR_HEADER, "/ghi/deep/abc", FOO));
    assertThat(sum("f*", wildcard().withFollowLinks(true))).isEqualTo(list("/foo", FOO));
    assertThat(sum("l*", wildcard().withFollowLinks(true))).isEqualTo(list("/lnk", sum("d0")));
  }

  @Test
  void metadataCountsTimesDoNot() throws IOException {
    Linux.utimensat(root.resolve("foo"), 1, 2);
    assertThat(sum("foo")).isEqualTo(FOO);
    for (Change change :
        List.<Change>of(
            path -> Linux.chmod(path, 0600),
            path -> Linux.chmod(path, 04644),
            path -> Linux.lchown(path, 1, 0),
            path -> Linux.lchown(path, 0, 1),
            path -> Linux.setxattr(path, "user.k", new byte[] {1}),
            path -> Files.writeString(path, "data1"))) {
      Files.delete(root.resolve("foo"));
      file("foo", "data0");
      change.apply(root.resolve("foo"));
      hash = ContentHash.onDisk();
      assertThat(sum("foo")).isNotEqualTo(FOO);
    }
    Files.delete(root.resolve("foo"));
    file("foo", "data0");
    Linux.setxattr(root.resolve("foo"), "security.other", new byte[] {1});
    hash = ContentHash.onDisk();
    assertThat(sum("foo")).isEqualTo(FOO);
  }

  private interface Change {
    void apply(Path path) throws IOException;
  }

  @Test
  void devicesAndFifos() throws IOException {
    Linux.mknod(root.resolve("null"), Stat.S_IFCHR | 0644, Linux.makeDevice(1, 3));
    Linux.chmod(root.resolve("null"), 0644);
    Linux.mkfifo(root.resolve("fifo"), 0644);
    Linux.chmod(root.resolve("fifo"), 0644);
    assertThat(sum("null"))
        .isEqualTo(
            Digest.of("namemode420uid0gid0size0typeflag3linknameunamegnamedevmajor1devminor3")
                .hex());
    assertThat(sum("fifo"))
        .isEqualTo(
            Digest.of("namemode420uid0gid0size0typeflag6linknameunamegnamedevmajor0devminor0")
                .hex());
  }

  private static Digest digest(int mode, String link, String data) {
    MessageDigest hash =
        FileHash.begin(new FileHash.Header(mode, 0, 0, data.length(), link, 0, 0, Map.of()));
    hash.update(data.getBytes(StandardCharsets.UTF_8));
    return Digest.ofHash(hash.digest());
  }

  private void receive(ContentHash to, String path, int mode, String link, String data) {
    to.put(path, mode & Stat.S_IFMT, link, digest(mode, link, data), "");
  }

  private ContentHash receivedTree() {
    ContentHash received = ContentHash.received();
    receive(received, "d0", Stat.S_IFDIR | 0755, "", "");
    receive(received, "d0/abc", Stat.S_IFREG | 0644, "", "data0");
    receive(received, "d0/def", Stat.S_IFLNK | 0777, "abc", "");
    receive(received, "d0/ghi", Stat.S_IFDIR | 0755, "", "");
    receive(received, "foo", Stat.S_IFREG | 0644, "", "data0");
    receive(received, "lnk", Stat.S_IFLNK | 0777, "/d0", "");
    return received;
  }

  @Test
  void receivedEqualsScannedButForTheRoot() {
    String scanned = sum("/");
    hash = receivedTree();
    assertThat(sum("d0")).isEqualTo(D0);
    assertThat(sum("lnk", follow())).isEqualTo(D0);
    assertThat(sum("/")).isNotEqualTo(scanned);
    String received = sum("/");
    assertThat(mounts.get()).as("nothing read").isEqualTo(1);
    hash = ContentHash.receivedOnDisk();
    assertThat(sum("/")).isEqualTo(received);
  }

  @Test
  void changesOutdateWhatIsAbove() throws IOException {
    hash = receivedTree();
    String before = sum("/");
    receive(hash, "d0/abc", Stat.S_IFREG | 0644, "", "other");
    assertThat(sum("d0")).isNotEqualTo(D0);
    receive(hash, "d0/abc", Stat.S_IFREG | 0644, "", "data0");
    assertThat(sum("/")).isEqualTo(before);
    hash.remove("d0/ghi");
    assertThat(sum("/")).isNotEqualTo(before);
    receive(hash, "d0/ghi", Stat.S_IFDIR | 0755, "", "");
    receive(hash, "d0/ghi/x", Stat.S_IFREG | 0644, "", "x");
    hash.remove("d0/ghi/x");
    assertThat(sum("/")).isEqualTo(before);
    receive(hash, "d0", Stat.S_IFREG | 0644, "", "file now");
    receive(hash, "d0", Stat.S_IFDIR | 0755, "", "");
    assertThat(sum("d0")).isEqualTo(list("/", DIR_HEADER));
  }

  @Test
  void partlyReadTreesTakeChanges() throws IOException {
    String all = sum("/");
    hash = ContentHash.onDisk();
    sum("foo"); // the root is listed, d0 is not
    file("d0/new", "n");
    receive(hash, "d0/new", Stat.S_IFREG | 0644, "", "n");
    assertThat(sum("/")).isNotEqualTo(all);
    Files.delete(root.resolve("d0/new"));
    hash.remove("d0/new");
    assertThat(sum("/")).isEqualTo(all);
  }

  @Test
  void hardLinksHaveTheDigestOfTheirFile() {
    hash = ContentHash.received();
    Digest wrong = Digest.of("as of an empty file");
    hash.put("b", Stat.S_IFREG, "", wrong, "a"); // its data comes later
    hash.put("a", Stat.S_IFREG, "", digest(Stat.S_IFREG | 0644, "", "data0"), "");
    hash.put("c", Stat.S_IFREG, "", wrong, "/a");
    assertThat(List.of(sum("a"), sum("b"), sum("c"))).containsOnly(FOO);
  }

  @Test
  void namesSortByTheirBytes() throws IOException {
    String high = "\uD83D\uDE00"; // above U+FFxx in bytes, below in UTF-16
    file(high, "data0");
    file("\uFF01", "data0");
    file("d0.x", "data0");
    String expected =
        list(
            "/",
            DIR_HEADER,
            "/d0",
            D0,
            "/d0.x",
            FOO,
            "/foo",
            FOO,
            "/lnk",
            "902b7a2c76dc7008cd569451ebfecdb1c51c2dc94ab96df0ba7901dc36239c32",
            "/\uFF01",
            FOO,
            "/" + high,
            FOO);
    assertThat(sum("/")).isEqualTo(expected);
  }

  @Test
  void manyFilesAreHashedBySeveralThreads() throws IOException {
    directory("many");
    for (int i = 0; i < 1_000; i++) {
      file("many/" + i, "data0");
    }
    long start = System.nanoTime();
    String first = sum("many");
    System.out.printf("1000 files hashed in %d ms%n", (System.nanoTime() - start) / 1_000_000);
    hash = ContentHash.onDisk();
    assertThat(sum("many")).isEqualTo(first);
  }

  @Test
  void scratchHasARootOnly() {
    assertThat(ContentHash.ofNothing("/").hex()).isEqualTo(EMPTY);
    assertThatThrownBy(() -> ContentHash.ofNothing("/x")).isInstanceOf(BuildException.class);
  }
}
