package dev.buildd.session.ssh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.session.ClientSession;
import dev.buildd.session.Session;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.Wired;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class SshForwardTest {
  @TempDir Path temp;

  /** Answers every question with what was asked, in capitals. */
  private static void answer(ServerSocketChannel agent) {
    try {
      while (true) {
        try (SocketChannel peer = agent.accept()) {
          ByteBuffer buffer = ByteBuffer.allocate(100);
          while (peer.read(buffer) >= 0) {
            String asked = UTF_8.decode(buffer.flip()).toString();
            peer.write(ByteBuffer.wrap(asked.toUpperCase(java.util.Locale.ROOT).getBytes(UTF_8)));
            buffer.clear();
          }
        }
      }
    } catch (IOException e) {
      // closed
    }
  }

  private static String ask(Path socket, String question) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      channel.write(ByteBuffer.wrap(question.getBytes(UTF_8)));
      ByteBuffer buffer = ByteBuffer.allocate(100);
      while (buffer.position() < question.length() && channel.read(buffer) >= 0) {
        // until all has come
      }
      return UTF_8.decode(buffer.flip()).toString();
    }
  }

  private static SessionGroup group(Wired wired, ClientSession client) {
    return SessionGroup.of(wired.manager, client.id());
  }

  @Test
  void connectionsReachTheClientsAgent() throws Exception {
    Path agentSocket = temp.resolve("agent");
    try (ServerSocketChannel agent = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        Wired wired = new Wired();
        ClientSession client =
            wired.client(new SshProvider(Map.of("default", new SshAgent.Raw(agentSocket))))) {
      agent.bind(UnixDomainSocketAddress.of(agentSocket));
      Thread.ofVirtual().start(() -> answer(agent));
      Session session = wired.session(client);
      assertThatThrownBy(() -> SshForward.find(group(wired, client), "other"))
          .isInstanceOf(BuildException.class)
          .hasMessage("unset ssh forward key other");
      Path socket = temp.resolve("forwarded");
      try (SshForward forward = SshForward.listen(session, "default", socket)) {
        assertThat(forward.path()).isEqualTo(socket);
        assertThat(ask(socket, "keys please")).isEqualTo("KEYS PLEASE");
        assertThat(ask(socket, "again")).isEqualTo("AGAIN");
      }
      assertThat(Files.exists(socket)).isFalse();
    }
  }

  @Test
  void clientsWithoutAnAgentAreToldOf() throws Exception {
    try (Wired wired = new Wired();
        ClientSession client = wired.client()) {
      assertThatThrownBy(() -> SshForward.find(group(wired, client), "default"))
          .hasMessage("no SSH key \"default\" forwarded from the client");
    }
  }
}
