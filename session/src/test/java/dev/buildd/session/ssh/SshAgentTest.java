package dev.buildd.session.ssh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.session.ClientSession;
import dev.buildd.session.Wired;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Agents and keys at the far end of a tunnel, asked by OpenSSH's own programs. */
@Timeout(60)
final class SshAgentTest {
  @TempDir Path temp;

  private record Ended(int status, String output) {}

  private Ended run(Path agent, String... command) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(temp.toFile()).redirectErrorStream(true);
    builder.environment().put("SSH_AUTH_SOCK", agent.toString());
    builder.environment().put("SSH_ASKPASS", "/bin/false");
    Process process = builder.redirectInput(Path.of("/dev/null").toFile()).start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    return new Ended(process.exitValue(), output);
  }

  private Path key(String name, String... options) throws Exception {
    String[] command =
        Stream.concat(
                Stream.of("ssh-keygen", "-q", "-N", "", "-C", "me@here", "-f", name),
                Stream.of(options))
            .toArray(String[]::new);
    Ended made = run(Path.of("none"), command);
    assertThat(made.status()).as(made.output()).isZero();
    return temp.resolve(name);
  }

  @FunctionalInterface
  private interface Use {
    void of(Path socket) throws Exception;
  }

  /** Lets the use have what is offered, as a step on the daemon's machine has it. */
  private void forwarded(SshAgent agent, Use use) throws Exception {
    try (Wired wired = new Wired();
        ClientSession client = wired.client(new SshProvider(Map.of("default", agent)));
        SshForward forward =
            SshForward.listen(wired.session(client), "default", temp.resolve("forwarded"))) {
      use.of(forward.path());
    }
  }

  private static Stream<Arguments> kinds() {
    return Stream.of(
        Arguments.of("ed25519", new String[] {"-t", "ed25519"}),
        Arguments.of("rsa", new String[] {"-t", "rsa", "-b", "2048"}),
        Arguments.of("rsa-pkcs1", new String[] {"-t", "rsa", "-b", "2048", "-m", "PEM"}),
        Arguments.of("rsa-pkcs8", new String[] {"-t", "rsa", "-b", "2048", "-m", "PKCS8"}),
        Arguments.of("p256", new String[] {"-t", "ecdsa", "-b", "256"}),
        Arguments.of("p384", new String[] {"-t", "ecdsa", "-b", "384"}),
        Arguments.of("p521", new String[] {"-t", "ecdsa", "-b", "521"}),
        Arguments.of("p256-sec1", new String[] {"-t", "ecdsa", "-b", "256", "-m", "PEM"}),
        Arguments.of("p521-pkcs8", new String[] {"-t", "ecdsa", "-b", "521", "-m", "PKCS8"}));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void keysOfFilesAreListedAndSign(String name, String[] options) throws Exception {
    Path key = key(name, options);
    String publicKey = Files.readString(temp.resolve(name + ".pub")).split(" ", 3)[1];
    forwarded(
        SshAgent.at(List.of(key), false),
        socket -> {
          assertThat(run(socket, "ssh-add", "-L").output())
              .contains(publicKey)
              .doesNotContain("me@");
          // signs, and checks the signature with the public key
          Ended tried = run(socket, "ssh-add", "-T", name + ".pub");
          assertThat(tried.status()).as(tried.output()).isZero();
          Files.writeString(temp.resolve("text"), "signed by whoever has the key");
          Ended signed =
              run(socket, "ssh-keygen", "-Y", "sign", "-n", "t", "-f", name + ".pub", "text");
          assertThat(signed.status()).as(signed.output()).isZero();
          Files.writeString(
              temp.resolve("signers"), "me " + Files.readString(temp.resolve(name + ".pub")));
          Ended verified =
              run(
                  socket,
                  "sh",
                  "-c",
                  "ssh-keygen -Y verify -f signers -I me -n t -s text.sig < text");
          assertThat(verified.output()).contains("Good \"t\" signature");
          assertThat(run(socket, "ssh-add", "-D").status()).isNotZero();
          assertThat(run(socket, "ssh-add", key.toString()).output()).contains("refused");
        });
  }

  @Test
  void severalKeysAreOneAgent() throws Exception {
    List<Path> keys = List.of(key("a", "-t", "ed25519"), key("b", "-t", "ecdsa"));
    Path other = key("other", "-t", "ed25519");
    forwarded(
        SshAgent.at(keys, false),
        socket -> {
          assertThat(run(socket, "ssh-add", "-L").output().lines()).hasSize(2);
          assertThat(run(socket, "ssh-add", "-T", other + ".pub").status()).isNotZero();
        });
  }

  @Test
  void keysThatCannotBeUsedAreNamed() throws Exception {
    Path locked = temp.resolve("locked");
    for (String form : List.of("RFC4716", "PEM", "PKCS8")) {
      Files.deleteIfExists(locked);
      run(
          Path.of("none"),
          "ssh-keygen",
          "-q",
          "-t",
          "rsa",
          "-m",
          form,
          "-N",
          "secret",
          "-f",
          locked.toString());
      assertThatThrownBy(() -> SshAgent.at(List.of(locked), false))
          .as(form)
          .hasMessage(
              "failed to parse " + locked + ": ssh: this private key is passphrase protected");
    }
    Path text = Files.writeString(temp.resolve("text"), "no key at all");
    assertThatThrownBy(() -> SshAgent.at(List.of(text), false))
        .hasMessage("failed to parse " + text + ": ssh: no key found");
    Path broken =
        Files.writeString(
            temp.resolve("broken"),
            """
            -----BEGIN OPENSSH PRIVATE KEY-----
            b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA
            -----END OPENSSH PRIVATE KEY-----
            """);
    assertThatThrownBy(() -> SshAgent.at(List.of(broken), false))
        .hasMessageStartingWith("failed to parse " + broken + ": ssh: malformed private key");
    Path certificate =
        Files.writeString(
            temp.resolve("certificate"),
            """
            -----BEGIN CERTIFICATE-----
            AAAA
            -----END CERTIFICATE-----
            """);
    assertThatThrownBy(() -> SshAgent.at(List.of(certificate), false))
        .hasMessageEndingWith("ssh: unsupported key type \"CERTIFICATE\"");
  }

  @Test
  void theUsersAgentIsAskedAndNotChanged() throws Exception {
    Path key = key("mine", "-t", "ed25519");
    Path mine = temp.resolve("agent");
    Process agent = new ProcessBuilder("ssh-agent", "-D", "-a", mine.toString()).start();
    try {
      for (int i = 0; i < 200 && !Files.exists(mine); i++) {
        Thread.sleep(20);
      }
      assertThat(run(mine, "ssh-add", "-q", key.toString()).status()).isZero();
      forwarded(
          SshAgent.at(List.of(mine), false),
          socket -> {
            assertThat(run(socket, "ssh-add", "-L").output()).contains("me@here");
            assertThat(run(socket, "ssh-add", "-T", key + ".pub").status()).isZero();
            assertThat(run(socket, "ssh-add", "-D").status()).as("remove all").isNotZero();
            assertThat(run(socket, "ssh-add", "-d", key.toString()).status()).isNotZero();
          });
      assertThat(run(mine, "ssh-add", "-L").output()).contains("me@here");
    } finally {
      agent.destroy();
    }
  }

  @Test
  void whatIsNoSocketAndNoKeyIsRefused() throws Exception {
    Path key = key("mine", "-t", "ed25519");
    Path socket = temp.resolve("socket");
    Path missing = temp.resolve("missing");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket));
      assertThat(SshAgent.at(List.of(socket), false)).isEqualTo(new SshAgent.Socket(socket));
      assertThat(SshAgent.at(List.of(socket), true)).isEqualTo(new SshAgent.Raw(socket));
      assertThatThrownBy(() -> SshAgent.at(List.of(socket, key), false))
          .hasMessage("invalid combination of keys and sockets");
      assertThatThrownBy(() -> SshAgent.at(List.of(socket, socket), false))
          .hasMessage("only single socket allowed");
      assertThatThrownBy(() -> SshAgent.at(List.of(key), true))
          .hasMessage("raw mode only supported with socket paths");
      assertThatThrownBy(() -> SshAgent.at(List.of(missing), false))
          .hasMessage("stat " + missing + ": no such file or directory");
    }
  }

  @Test
  void hugeMessagesEndTheConnection() throws Exception {
    forwarded(
        SshAgent.at(List.of(key("k", "-t", "ed25519")), false),
        socket -> {
          try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            channel.write(ByteBuffer.wrap(new byte[] {0x7f, -1, -1, -1, 11}));
            assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
          }
        });
  }

  @Test
  void socketsMayHaveLongPaths() throws Exception {
    Path deep = temp;
    for (int i = 0; i < 5; i++) {
      deep = Files.createDirectory(deep.resolve("a-directory-with-a-long-name-" + i));
    }
    Path socket = deep.resolve("s");
    assertThat(socket.toString().length()).isGreaterThan(108);
    SshAgent agent = SshAgent.at(List.of(key("k", "-t", "ed25519")), false);
    try (Wired wired = new Wired();
        ClientSession client = wired.client(new SshProvider(Map.of("default", agent)))) {
      try (SshForward forward = SshForward.listen(wired.session(client), "", socket)) {
        Path link = Files.createSymbolicLink(temp.resolve("d"), deep);
        assertThat(forward.path()).exists();
        assertThat(run(link.resolve("s"), "ssh-add", "-L").output()).contains("ssh-ed25519");
      }
      assertThat(socket).doesNotExist();
    }
  }
}
