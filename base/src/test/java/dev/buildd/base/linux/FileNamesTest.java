package dev.buildd.base.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class FileNamesTest {
  @TempDir Path temp;

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text);
  }

  @Test
  void namesInUtf8AreTheirText() {
    for (String name : List.of("", "plain", "é/ü", "日本", "\uD83D\uDE00", "\uFFFD")) {
      assertThat(FileNames.text(name.getBytes(UTF_8))).isEqualTo(name);
      assertThat(FileNames.bytes(name)).isEqualTo(name.getBytes(UTF_8));
    }
  }

  // Latin-1; a sequence cut short; an overlong one; a surrogate; our own private characters
  @ParameterizedTest
  @ValueSource(
      strings = {"66e9", "ff", "61e282", "c0af", "eda080", "f48fba80", "f48fbbbf41", "80c3a9"})
  void anyOtherNameComesBack(String name) {
    byte[] bytes = hex(name);
    String text = FileNames.text(bytes);
    assertThat(text.getBytes(UTF_8)).isNotEqualTo(bytes);
    assertThat(FileNames.bytes(text)).isEqualTo(bytes);
  }

  @Test
  void eachNameHasOneText() {
    Random random = new Random(11);
    byte[] alphabet = hex("41c3a9f48fbabb80ff2f"); // of such as make valid sequences often
    for (int i = 0; i < 20_000; i++) {
      byte[] name = new byte[random.nextInt(8)];
      for (int at = 0; at < name.length; at++) {
        name[at] = alphabet[random.nextInt(alphabet.length)];
      }
      assertThat(FileNames.bytes(FileNames.text(name))).isEqualTo(name);
    }
  }

  @Test
  void orderIsThatOfTheBytes() {
    byte[][] names = {hex("41"), hex("c3a9"), hex("e9"), hex("efbfbd"), hex("f09f9880"), hex("ff")};
    List<String> texts = Arrays.stream(names).map(FileNames::text).toList();
    assertThat(texts.reversed().stream().sorted(FileNames::compare)).isEqualTo(texts);
  }

  @Test
  void filesOfAnyNameAreListedOpenedAndRemoved() throws Exception {
    Path odd = temp.resolve(FileNames.text(hex("64e9"))); // d with a Latin-1 é
    Linux.mkdir(odd, 0755);
    Path file = odd.resolve(FileNames.text(hex("ff66")));
    Files.writeString(FileNames.raw(file), "content");
    Files.writeString(FileNames.raw(odd.resolve("é\uFFFD")), "content");

    assertThat(FileNames.list(temp)).containsExactly(odd);
    assertThat(FileNames.list(odd)).containsExactlyInAnyOrder(file, odd.resolve("é\uFFFD"));
    assertThat(Linux.lstat(file).size()).isEqualTo(7);
    assertThat(FileNames.raw(file)).hasContent("content");
    Linux.symlink(FileNames.text(hex("ff66")), odd.resolve("link"));
    assertThat(FileNames.bytes(Linux.readlink(odd.resolve("link")))).isEqualTo(hex("ff66"));

    for (Path each : FileNames.list(odd)) {
      Linux.unlink(each);
    }
    Linux.rmdir(odd);
    assertThat(FileNames.list(temp)).isEmpty();
  }
}
