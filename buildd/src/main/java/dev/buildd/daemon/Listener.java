package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
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
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One address at which clients are served. */
final class Listener implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Listener.class);
  private static final int MAX_MESSAGE = 16 << 20;
  private static final int SOCKET_MODE = 0660;
  private static final long GRACE_SECONDS = 5;

  private final Server server;
  private final Optional<SocketFile> socket;

  private Listener(Server server, Optional<SocketFile> socket) {
    this.server = server;
    this.socket = socket;
  }

  /**
   * Listens.
   *
   * @param address {@code unix://path} or {@code tcp://host:port}
   * @param grpc who owns sockets
   */
  static Listener open(
      String address,
      BuilddConfig.Grpc grpc,
      EventLoopGroup loops,
      List<ServerServiceDefinition> services)
      throws Exception {
    if (address.isEmpty()) {
      throw BuildException.invalid("--addr cannot be empty");
    }
    int end = address.indexOf("://");
    if (end < 0) {
      throw BuildException.invalid(
          "address " + address + " does not contain proto, you meant unix://" + address + " ?");
    }
    String rest = address.substring(end + 3);
    Optional<Path> path = Optional.empty();
    NettyServerBuilder builder;
    switch (address.substring(0, end)) {
      case "unix" -> {
        Path file = Path.of(rest).toAbsolutePath();
        path = Optional.of(file);
        builder =
            NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(file))
                .channelType(NioServerDomainSocketChannel.class);
      }
      case "tcp" -> {
        InetSocketAddress at = inet(address, rest);
        log.warn(
            "TLS is not enabled for {}. enabling mutual TLS authentication is highly"
                + " recommended",
            address);
        builder = NettyServerBuilder.forAddress(at).channelType(NioServerSocketChannel.class);
      }
      case "npipe", "fd" ->
          throw new BuildException(
              Category.UNIMPLEMENTED,
              "address " + address + " is not supported by this daemon yet");
      default -> throw BuildException.invalid("addr " + address + " not supported");
    }
    builder
        .bossEventLoopGroup(loops)
        .workerEventLoopGroup(loops)
        .directExecutor() // handlers only signal; the work is done on threads of their own
        .maxInboundMessageSize(MAX_MESSAGE)
        .maxInboundMetadataSize(MAX_MESSAGE)
        .permitKeepAliveWithoutCalls(true)
        .permitKeepAliveTime(1, TimeUnit.SECONDS);
    services.forEach(builder::addService);
    Server server = builder.build();
    Optional<SocketFile> socket = Optional.empty();
    try {
      if (path.isPresent()) {
        socket =
            Optional.of(
                SocketFile.bind(path.get(), SOCKET_MODE, grpc.uid(), grpc.gid(), server::start));
      } else {
        server.start();
      }
    } catch (IOException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new BuildException(
          Category.UNAVAILABLE, "failed to listen at " + address + ": " + cause.getMessage(), e);
    }
    return new Listener(server, socket);
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
