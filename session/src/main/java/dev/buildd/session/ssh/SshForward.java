package dev.buildd.session.ssh;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.proto.sshforward.BytesMessage;
import dev.buildd.proto.sshforward.CheckAgentRequest;
import dev.buildd.proto.sshforward.SSHGrpc;
import dev.buildd.session.Session;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's SSH agent as a socket on this machine; each connection is forwarded to the client. */
public final class SshForward implements AutoCloseable {
  static final Metadata.Key<String> ID =
      Metadata.Key.of("buildkit.ssh.id", Metadata.ASCII_STRING_MARSHALLER);

  private static final Logger log = LoggerFactory.getLogger(SshForward.class);
  private static final String METHOD = "/" + SSHGrpc.getCheckAgentMethod().getFullMethodName();

  private final Session session;
  private final String id;
  private final Path path;
  private final ServerSocketChannel listener;
  private final Set<SocketChannel> connections = ConcurrentHashMap.newKeySet();

  private SshForward(Session session, String id, Path path, ServerSocketChannel listener) {
    this.session = session;
    this.id = id;
    this.path = path;
    this.listener = listener;
  }

  /**
   * The client that offers an agent under that id; if there is none, the failure says why, in
   * BuildKit's words.
   */
  public static Session find(SessionGroup clients, String id) throws Exception {
    return clients.any(session -> {
      check(session, id);
      return session;
    });
  }

  private static void check(Session session, String id) {
    if (!session.supports(METHOD)) {
      throw BuildException.invalid("no SSH key \"" + id + "\" forwarded from the client");
    }
    try {
      SSHGrpc.newBlockingStub(session.channel())
          .checkAgent(CheckAgentRequest.newBuilder().setID(id).build());
    } catch (StatusRuntimeException e) {
      throw new BuildException(Statuses.categoryOf(e.getStatus().getCode()), Statuses.textOf(e), e);
    }
  }

  /**
   * Listens on the socket, which must not be there yet, until it is closed. Who may use it is up to
   * the caller.
   *
   * @param session of a client that offers an agent under the id
   */
  public static SshForward listen(Session session, String id, Path socket) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    // reached through its held directory: the whole path may be longer than an address holds
    try (TreeFiles.PathHandle directory = TreeFiles.hold(parent(socket))) {
      Path name = directory.path().resolve(String.valueOf(socket.getFileName()));
      listener.bind(UnixDomainSocketAddress.of(name));
    } catch (IOException e) {
      listener.close();
      throw e;
    }
    SshForward forward = new SshForward(session, id, socket, listener);
    Threads.start("ssh agent " + id, forward::accept);
    return forward;
  }

  private static Path parent(Path socket) {
    Path parent = socket.getParent();
    if (parent == null) {
      throw new IllegalArgumentException("no absolute path: " + socket);
    }
    return parent;
  }

  private void accept() {
    while (true) {
      SocketChannel connection;
      try {
        connection = listener.accept();
      } catch (IOException e) {
        return; // closed
      }
      connections.add(connection);
      if (!listener.isOpen()) {
        Cleanup.run("close " + path, connection::close);
      }
      Threads.start("ssh connection " + id, () -> forward(connection));
    }
  }

  private void forward(SocketChannel connection) {
    Metadata headers = new Metadata();
    headers.put(ID, id);
    try (connection;
        MessageStream<BytesMessage, BytesMessage> call =
            MessageStream.call(session.channel(), SSHGrpc.getForwardAgentMethod(), headers)) {
      SshPump.run(call, connection);
    } catch (Exception e) {
      log.debug("ssh connection ended id={}", id, e);
    } finally {
      connections.remove(connection);
    }
  }

  public Path path() {
    return path;
  }

  /** Ends all connections and removes the socket. */
  @Override
  public void close() {
    Cleanup.run("close " + path, listener::close);
    connections.forEach(connection -> Cleanup.run("close " + path, connection::close));
    Cleanup.run("remove " + path, () -> Files.deleteIfExists(path));
  }
}
