package dev.buildd.snapshot.layer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EstargzTest {
  private static final int CHUNK = 4 << 20;

  @TempDir Path temp;
  private final Map<String, byte[]> contents = new LinkedHashMap<>();

  /** A packed archive and what was told of it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Packed(byte[] bytes, Digest diffId, Map<String, String> annotations) {
    long tocOffset() {
      return Estargz.tocOffset(Arrays.copyOfRange(bytes, bytes.length - 51, bytes.length))
          .orElseThrow();
    }
  }

  private static Packed pack(byte[] archive, int atOnce) throws Exception {
    ByteArrayOutputStream to = new ByteArrayOutputStream();
    EstargzOutput out = (EstargzOutput) Compression.ESTARGZ.compress(to, OptionalInt.empty());
    try (out) {
      for (int at = 0; at < archive.length; at += atOnce) {
        out.write(archive, at, Math.min(atOnce, archive.length - at));
      }
    }
    return new Packed(to.toByteArray(), out.diffId(), out.annotations());
  }

  private byte[] archive() throws Exception {
    byte[] large = new byte[2 * CHUNK + 1000];
    new Random(5).nextBytes(large);
    contents.put("d/large", large);
    contents.put("d/exact", Arrays.copyOf(large, CHUNK));
    contents.put("empty", new byte[0]);
    contents.put("small", "text".getBytes(UTF_8));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (TarWriter tar = new TarWriter(out)) {
      tar.add(entry("d", TarEntry.Type.DIRECTORY, "", 0), InputStream::nullInputStream);
      for (Map.Entry<String, byte[]> file : contents.entrySet()) {
        tar.add(
            entry(file.getKey(), TarEntry.Type.FILE, "", file.getValue().length),
            () -> new ByteArrayInputStream(file.getValue()));
      }
      tar.add(entry("x", TarEntry.Type.SYMLINK, "small", 0), InputStream::nullInputStream);
      tar.add(entry("y", TarEntry.Type.HARD_LINK, "small", 0), InputStream::nullInputStream);
    }
    return out.toByteArray();
  }

  private static TarEntry entry(String name, TarEntry.Type type, String link, long size) {
    return new TarEntry(
        name,
        type,
        link,
        size,
        0750,
        7,
        0,
        1234567890_000_000_000L,
        0,
        0,
        name.equals("small") ? Map.of("security.capability", new byte[] {1, 2}) : Map.of(),
        List.of());
  }

  private static byte[] gunzip(byte[] bytes, long from) throws Exception {
    try (InputStream in = new ByteArrayInputStream(bytes)) {
      in.skipNBytes(from);
      return new GZIPInputStream(in).readAllBytes();
    }
  }

  private static Map<String, Object> toc(Packed packed) throws Exception {
    TarReader tar =
        new TarReader(new ByteArrayInputStream(gunzip(packed.bytes, packed.tocOffset())));
    assertThat(tar.next().orElseThrow().name()).isEqualTo("stargz.index.json");
    byte[] json = tar.content().readAllBytes();
    assertThat(tar.next()).isEmpty();
    assertThat(packed.annotations.get("containerd.io/snapshot/stargz/toc.digest"))
        .isEqualTo(Digest.of(json).toString());
    return Json.parseObject(json, "TOC");
  }

  @Test
  void toThoseWhoDoNotKnowItIsTheArchive() throws Exception {
    byte[] archive = archive();
    Packed packed = pack(archive, 10_000);
    byte[] plain = gunzip(packed.bytes, 0);
    assertThat(Arrays.copyOf(plain, archive.length)).isEqualTo(archive);
    assertThat(packed.diffId).isEqualTo(Digest.of(plain));
    assertThat(packed.annotations.get("io.containers.estargz.uncompressed-size"))
        .isEqualTo(Integer.toString(plain.length));
    Path file = temp.resolve("layer.tar.gz");
    Files.write(file, packed.bytes);
    Process gnu = new ProcessBuilder("tar", "-tzf", file.toString()).start();
    assertThat(new String(gnu.getInputStream().readAllBytes(), UTF_8).lines())
        .containsExactly("d/", "d/large", "d/exact", "empty", "small", "x", "y");
    assertThat(gnu.waitFor()).isZero();
  }

  @Test
  void archiveComesBackWithoutTheToc() throws Exception {
    byte[] archive = archive();
    Packed packed = pack(archive, 1 << 20);
    try (InputStream in =
        Estargz.archive(new ByteArrayInputStream(packed.bytes), packed.tocOffset())) {
      assertThat(in.readAllBytes()).isEqualTo(archive);
    }
  }

  @Test
  void eachPieceOfAFileIsReadAlone() throws Exception {
    Packed packed = pack(archive(), 1 << 20);
    ByteArrayOutputStream read = new ByteArrayOutputStream();
    for (Map<String, Object> entry : Json.objects(toc(packed), "entries")) {
      String name = Json.text(entry, "name");
      String type = Json.text(entry, "type");
      if (!type.equals("reg") && !type.equals("chunk")) {
        continue;
      }
      byte[] content = contents.getOrDefault(name, new byte[0]);
      int at = (int) Json.number(entry, "chunkOffset");
      int length = (int) Json.number(entry, "chunkSize");
      length = length == 0 ? content.length - at : length;
      if (type.equals("reg")) {
        assertThat(Json.number(entry, "size")).isEqualTo(content.length);
        assertThat(Json.text(entry, "digest")).isEqualTo(Digest.of(content).toString());
      }
      if (content.length > 0) {
        byte[] piece = gunzip(packed.bytes, Json.number(entry, "offset"));
        piece = Arrays.copyOf(piece, length);
        assertThat(Json.text(entry, "chunkDigest")).isEqualTo(Digest.of(piece).toString());
        read.writeBytes(piece);
      }
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    contents.values().forEach(all::writeBytes);
    assertThat(read.toByteArray()).isEqualTo(all.toByteArray());
  }

  @Test
  void tocTellsWhatTheHeadersTell() throws Exception {
    List<Map<String, Object>> entries = Json.objects(toc(pack(archive(), 4096)), "entries");
    assertThat(entries.stream().map(entry -> entry.get("name") + " " + entry.get("type")))
        .containsExactly(
            "d/ dir",
            "d/large reg",
            "d/large chunk",
            "d/large chunk",
            "d/exact reg",
            "empty reg",
            "small reg",
            "x symlink",
            "y hardlink");
    Map<String, Object> small = entries.get(6);
    assertThat(small.keySet())
        .containsExactly(
            "name",
            "type",
            "size",
            "modtime",
            "mode",
            "uid",
            "offset",
            "xattrs",
            "digest",
            "chunkDigest");
    assertThat(small).containsEntry("modtime", "2009-02-13T23:31:30Z");
    assertThat(Json.number(small, "mode")).isEqualTo(0750);
    assertThat(small.get("xattrs")).isEqualTo(Map.of("security.capability", "AQI="));
    assertThat(entries.get(7)).containsEntry("linkName", "small");
  }

  @Test
  void theBytesDependOnTheArchiveAlone() throws Exception {
    byte[] archive = archive();
    assertThat(pack(archive, 777).bytes).isEqualTo(pack(archive, 1 << 22).bytes);
  }

  @Test
  void whatCannotBeToldInATocIsRefused() {
    byte[] twice = new Tar().file("stargz.index.json", "{}").bytes();
    assertThatThrownBy(() -> pack(twice, 100))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("existing TOC JSON is not allowed");
    byte[] cut = Arrays.copyOf(new Tar().file("f", "content").bytes(), 515);
    assertThatThrownBy(() -> pack(cut, 100)).hasMessageContaining("unexpected EOF");
  }

  @Test
  void whoeverWritesIsToldOfAFailureOnce() throws Exception {
    byte[] refused = new Tar().file("stargz.index.json", "{}").bytes();
    OutputStream out =
        Compression.ESTARGZ.compress(new ByteArrayOutputStream(), OptionalInt.empty());
    assertThatThrownBy(
            () -> {
              out.write(refused);
              while (true) { // until the reader has come to it
                out.write(new byte[512]);
              }
            })
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("existing TOC JSON is not allowed");
    out.close();
  }

  @Test
  void otherEndsAreNotTaken() {
    assertThat(Estargz.tocOffset(new byte[51])).isEmpty();
    assertThat(Estargz.tocOffset(new byte[7])).isEmpty();
    byte[] footer = Estargz.footer(0x12ab);
    assertThat(Estargz.tocOffset(footer)).hasValue(0x12ab);
    footer[35] ^= 1;
    assertThat(Estargz.tocOffset(footer)).isEmpty();
  }
}
