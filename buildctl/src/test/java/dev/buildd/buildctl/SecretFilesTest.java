package dev.buildd.buildctl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SecretFilesTest {
  private static final Map.Entry<String, String> VARIABLE =
      System.getenv().entrySet().stream()
          .filter(entry -> !entry.getValue().isEmpty() && entry.getKey().matches("[A-Z]+"))
          .findFirst()
          .orElseThrow();

  @TempDir Path temp;

  private static String read(String flag, String id) throws Exception {
    return new String(SecretFiles.parse(List.of(flag)).read(id).orElseThrow(), UTF_8);
  }

  private static void refused(String flag, String message) {
    assertThatThrownBy(() -> SecretFiles.parse(List.of(flag))).hasMessage(message);
  }

  @Test
  void filesAndVariablesAreSecrets() throws Exception {
    Path file = Files.writeString(temp.resolve("file, with a comma"), "of a file");
    for (String flag :
        List.of(
            "id=x,\"src=" + file + "\"",
            "ID=x,\"source=" + file + "\"",
            "type=file,id=x,\"src=" + file + "\"")) {
      assertThat(read(flag, "x")).as(flag).isEqualTo("of a file");
    }
    String name = VARIABLE.getKey();
    for (String flag :
        List.of("id=x,env=" + name, "type=env,id=x,src=" + name, "type=env,id=x,env=" + name)) {
      assertThat(read(flag, "x")).as(flag).isEqualTo(VARIABLE.getValue());
    }
    assertThat(read("id=" + name, name)).isEqualTo(VARIABLE.getValue());
    assertThat(read("id=x,env=NO_SUCH_VARIABLE_AT_ALL", "x")).isEmpty();
    assertThat(SecretFiles.parse(List.of("id=" + name)).read("other")).isEmpty();
  }

  @Test
  void aFileIsReadWhenItIsAskedFor() throws Exception {
    Path file = Files.writeString(temp.resolve("file"), "before");
    SecretFiles secrets = SecretFiles.parse(List.of("id=x,src=" + file));
    Files.writeString(file, "after");
    assertThat(secrets.read("x")).hasValue("after".getBytes(UTF_8));
  }

  @Test
  void whatIsWrongIsToldInBuildKitsWords() throws Exception {
    refused("nonsense", "invalid field 'nonsense' must be a key=value pair");
    refused("id=x,mode=1", "unexpected key 'mode' in 'mode=1'");
    refused("id=x,type=pipe", "unsupported secret type \"pipe\"");
    refused("src=/etc/hostname", "secret missing ID");
    Path none = temp.resolve("none");
    refused(
        "id=x,src=" + none,
        "failed to stat " + none + ": stat " + none + ": no such file or directory");
    Path huge = Files.write(temp.resolve("huge"), new byte[(500 << 10) + 1]);
    refused("id=x,src=" + huge, "secret x too big. max size 500KiB");
  }
}
