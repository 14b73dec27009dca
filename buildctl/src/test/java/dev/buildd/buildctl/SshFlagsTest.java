package dev.buildd.buildctl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SshFlagsTest {
  @TempDir Path temp;

  private static void parse(String userAgent, String... flags) throws Exception {
    assertThat(SshFlags.parse(List.of(flags), userAgent).services()).hasSize(1);
  }

  private static void refused(String message, String... flags) {
    assertThatThrownBy(() -> parse("", flags)).hasMessage(message);
  }

  @Test
  void agentsSocketsAndKeysAreTaken() throws Exception {
    Path socket = temp.resolve("socket");
    Path key = temp.resolve("key");
    Process made =
        new ProcessBuilder("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.toString())
            .start();
    assertThat(made.waitFor()).isZero();
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket));
      parse(
          socket.toString(),
          "default",
          "empty=",
          "socket=" + socket,
          "not-raw=" + socket + ",raw=false",
          "raw=" + socket + ",raw=true",
          "keys=" + key + "," + key);
      refused(
          "failed to convert agent config {x ["
              + socket
              + " "
              + key
              + "] false}: failed to convert"
              + " agent config for ID: \"x\": invalid combination of keys and sockets",
          "x=" + socket + "," + key);
      refused(
          "failed to convert agent config {x ["
              + key
              + "] true}: failed to convert agent config"
              + " for ID: \"x\": raw mode only supported with socket paths",
          "x=" + key + ",raw=1");
      assertThatThrownBy(() -> parse(socket.toString(), "default", "=" + socket))
          .hasMessage("duplicate agent ID \"default\"");
    }
  }

  @Test
  void whatIsWrongIsToldInBuildKitsWords() throws Exception {
    refused(
        "failed to convert agent config {default [] false}: invalid empty ssh agent socket: make"
            + " sure SSH_AUTH_SOCK is set",
        "default");
    refused("raw mode must supply exactly one socket path for \"x\"", "x=a,b,raw=true");
    refused(
        "invalid value for 'raw': perhaps: strconv.ParseBool: parsing \"perhaps\": invalid syntax",
        "x=a,raw=perhaps");
    Path none = temp.resolve("none");
    refused(
        "failed to convert agent config {x ["
            + none
            + "] false}: failed to convert agent config"
            + " for ID: \"x\": stat "
            + none
            + ": no such file or directory",
        "x=" + none);
    Path text = Files.writeString(temp.resolve("text"), "text");
    refused(
        "failed to convert agent config {x ["
            + text
            + "] false}: failed to convert agent config"
            + " for ID: \"x\": failed to parse "
            + text
            + ": ssh: no key found",
        "x=" + text);
  }
}
