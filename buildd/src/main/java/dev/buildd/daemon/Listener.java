package dev.buildd.daemon;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.daemon.rpc.Connections;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One address at which clients are served. */
final class Listener implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Listener.class);
  private static final int MAX_MESSAGE = 16 << 20;

  // what one connection may ask for: far more than builds do, and no more than the daemon bears
  private static final int MAX_HEADERS = 1 << 20;
  private static final int MAX_STREAMS = 4096;
  private static final int MAX_RESETS = 4000; // a build that is cancelled resets its streams
  private static final int RESETS_SECONDS = 10;
  private static final int HANDSHAKE_SECONDS = 20;
  private static final int KEEP_ALIVE_SECONDS = 120; // a client whose machine is gone goes too
  private static final int SOCKET_MODE = 0660;
  private static final long GRACE_SECONDS = 5;

  private final Server server;
  private final Optional<SocketFile> socket;

  private Listener(Server server, Optional<SocketFile> socket) {
    this.server = server;
    this.socket = socket;
  }

  /**
   * What all listeners share.
   *
   * @param grpc who owns sockets
   * @param tls for those that are reached by TCP
   * @param passed sockets that are there already
   */
  record Setup(
      BuilddConfig.Grpc grpc,
      Optional<ServerTls> tls,
      PassedSockets passed,
      EventLoopGroup loops,
      List<ServerServiceDefinition> services) {}

  /**
   * Listens.
   *
   * @param address {@code unix://path}, {@code tcp://host:port}, or {@code fd://}, {@code
   *     fd://name} or {@code fd://number} for sockets that were passed on to the process
   * @return one for each socket
   */
  static List<Listener> open(String address, Setup setup) throws Exception {
    if (address.isEmpty()) {
      throw BuildException.invalid("--addr cannot be empty");
    }
    int end = address.indexOf("://");
    if (end < 0) {
      throw BuildException.invalid(
          "address " + address + " does not contain proto, you meant unix://" + address + " ?");
    }
    String rest = address.substring(end + 3);
    return switch (address.substring(0, end)) {
      case "unix" -> List.of(unix(address, Path.of(rest).toAbsolutePath(), setup));
      case "tcp" -> List.of(tcp(address, inet(address, rest), setup));
      case "fd" -> passed(address, setup.passed().find(rest), setup);
      case "npipe" ->
          throw new BuildException(
              Category.UNIMPLEMENTED, "address " + address + " is for daemons on Windows");
      default -> throw BuildException.invalid("addr " + address + " not supported");
    };
  }

  private static Listener unix(String address, Path file, Setup setup) throws Exception {
    Server server =
        server(
            NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(file))
                .channelFactory(NioServerDomainSocketChannel::new),
            setup);
    try {
      BuilddConfig.Grpc grpc = setup.grpc();
      return new Listener(
          server,
          Optional.of(SocketFile.bind(file, SOCKET_MODE, grpc.uid(), grpc.gid(), server::start)));
    } catch (IOException e) {
      throw failed(address, e);
    }
  }

  private static Listener tcp(String address, InetSocketAddress at, Setup setup) {
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(at).channelFactory(NioServerSocketChannel::new);
    secure(address, builder, setup.tls());
    try {
      return new Listener(server(builder, setup).start(), Optional.empty());
    } catch (IOException e) {
      throw failed(address, e);
    }
  }

  private static List<Listener> passed(
      String address, List<PassedSockets.Passed> sockets, Setup setup) {
    List<Listener> out = new ArrayList<>();
    boolean done = false;
    try {
      for (PassedSockets.Passed socket : sockets) {
        PassedChannel channel = PassedChannel.of(socket.descriptor());
        NettyServerBuilder builder =
            NettyServerBuilder.forAddress(new InetSocketAddress(0)).channelFactory(() -> channel);
        if (!PassedChannel.isUnix(socket.descriptor())) {
          secure(address + " (descriptor " + socket.descriptor() + ")", builder, setup.tls());
        }
        out.add(new Listener(server(builder, setup).start(), Optional.empty()));
      }
      done = true;
      return out;
    } catch (IOException e) {
      throw failed(address, e);
    } finally {
      if (!done) {
        out.forEach(one -> Cleanup.run("stop listening", one::close));
      }
    }
  }

  private static void secure(String address, NettyServerBuilder builder, Optional<ServerTls> tls) {
    if (tls.isEmpty()) {
      log.warn(
          "TLS is not enabled for {}. enabling mutual TLS authentication is highly recommended",
          address);
      return;
    }
    builder.sslContext(tls.get().context());
    if (!tls.get().asksForCertificates()) {
      log.warn(
          "clients of {} need no certificate: whoever reaches it may build. Name their authority in"
              + " grpc.tls.ca or --tlscacert",
          address);
    }
  }

  private static Server server(NettyServerBuilder builder, Setup setup) {
    builder
        .bossEventLoopGroup(setup.loops())
        .workerEventLoopGroup(setup.loops())
        .addTransportFilter(Connections.filter())
        .directExecutor() // handlers only signal; the work is done on threads of their own
        .maxInboundMessageSize(MAX_MESSAGE)
        .maxInboundMetadataSize(MAX_HEADERS)
        .maxConcurrentCallsPerConnection(MAX_STREAMS)
        .maxRstFramesPerWindow(MAX_RESETS, RESETS_SECONDS)
        .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
        .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
        .permitKeepAliveWithoutCalls(true)
        .permitKeepAliveTime(1, TimeUnit.SECONDS);
    setup.services().forEach(builder::addService);
    return builder.build();
  }

  private static BuildException failed(String address, IOException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return new BuildException(
        Category.UNAVAILABLE, "failed to listen at " + address + ": " + cause.getMessage(), e);
  }

  private static InetSocketAddress inet(String address, String rest) throws IOException {
    int colon = rest.lastIndexOf(':');
    try {
      if (colon >= 0) {
        String host = rest.substring(0, colon).replace("[", "").replace("]", "");
        int port = Integer.parseInt(rest.substring(colon + 1));
        return host.isEmpty()
            ? new InetSocketAddress(port)
            : new InetSocketAddress(InetAddress.getByName(host), port);
      }
    } catch (IllegalArgumentException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "address " + address + " has no valid port", e);
    }
    throw BuildException.invalid("address " + address + " has no port");
  }

  /** Takes no more connections and calls; those that are under way go on. */
  void shutdown() {
    server.shutdown();
  }

  /** Waits until all calls have ended; false if they have not by then. */
  boolean awaitEnd(long nanos) throws InterruptedException {
    return server.awaitTermination(nanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void close() throws IOException {
    server.shutdownNow();
    try {
      server.awaitTermination(GRACE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (socket.isPresent()) {
      socket.get().close();
    }
  }
}
