package dev.buildd.client;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.Tls;
import dev.buildd.base.linux.NativeImage;
import dev.buildd.session.rpc.EventLoops;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Opens connections to daemons. */
final class Connections {
  private static final int MAX_MESSAGE = 16 << 20;
  private static final int PATIENCE = 12;

  private Connections() {}

  /**
   * A channel to a daemon.
   *
   * @param dialer by which it connects, if it does so by a command
   */
  record Opened(ManagedChannel channel, Optional<CommandDialer> dialer) {}

  static Opened open(ConnectOptions options) throws IOException {
    String address = options.address();
    Optional<CommandDialer> dialer = HelperCommand.of(address).map(CommandDialer::new);
    int scheme = address.indexOf("://");
    if (scheme < 0) {
      throw BuildException.invalid("invalid address " + address);
    }
    NettyChannelBuilder builder =
        dialer.isPresent() ? command(dialer.get()) : direct(address, scheme);
    if (options.tls().isPresent()) {
      builder.sslContext(context(options.tls().get()));
      options.tls().get().serverName().ifPresent(builder::overrideAuthority);
    } else {
      builder.usePlaintext();
    }
    ManagedChannel channel =
        builder
            .eventLoopGroup(EventLoops.shared())
            .directExecutor()
            .disableRetry()
            .maxInboundMessageSize(MAX_MESSAGE)
            .maxInboundMetadataSize(MAX_MESSAGE)
            .build();
    return new Opened(channel, dialer);
  }

  private static NettyChannelBuilder direct(String address, int scheme) {
    return switch (address.substring(0, scheme)) {
      case "unix" -> unix(Path.of(address.substring(scheme + 3)));
      case "tcp" -> tcp(URI.create(address));
      case String other ->
          throw new BuildException(
              Category.UNIMPLEMENTED,
              "unsupported protocol: "
                  + other
                  + " (known are unix, tcp, docker-container, podman-container, nerdctl-container,"
                  + " kube-pod and ssh)");
    };
  }

  private static SslContext context(ConnectOptions.Tls tls) throws IOException {
    SslContextBuilder out = GrpcSslContexts.forClient();
    if (tls.authority().isPresent()) {
      Path file = tls.authority().get();
      try (InputStream in = Files.newInputStream(file)) {
        out.trustManager(in);
      } catch (IOException | IllegalArgumentException e) {
        throw new BuildException(
            Category.INVALID_ARGUMENT, "could not read ca certificate: " + file, e);
      }
    } else if (NativeImage.BUILT) {
      out.trustManager(Tls.systemTrust()); // not whom the machine trusted that built it
    }
    tls.own().ifPresent(pair -> out.keyManager(Tls.keyManager(pair)));
    return out.build();
  }

  private static NettyChannelBuilder unix(Path socket) {
    return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
        .channelFactory(NioDomainSocketChannel::new)
        .overrideAuthority("localhost");
  }

  private static NettyChannelBuilder command(CommandDialer dialer) {
    return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of("")) // the dialer knows better
        .channelFactory(dialer::newChannel)
        .overrideAuthority("localhost");
  }

  private static InetSocketAddress socketAddress(URI uri) {
    if (uri.getHost() == null || uri.getPort() < 0) {
      throw BuildException.invalid("invalid address " + uri);
    }
    return new InetSocketAddress(uri.getHost(), uri.getPort());
  }

  private static NettyChannelBuilder tcp(URI uri) {
    InetSocketAddress address = socketAddress(uri);
    String host = uri.getHost();
    return NettyChannelBuilder.forAddress(address)
        .channelFactory(NioSocketChannel::new)
        .overrideAuthority(host.startsWith("[") ? "[" + host + "]" : host);
  }

  /**
   * Waits for the connection; the failure says why there is none. The time is for reaching a
   * daemon. One that takes connections is there, and then it is this machine that is slow, perhaps
   * because it has just started a dozen clients: it gets {@link #PATIENCE} times as long.
   */
  static void awaitReady(Opened opened, ConnectOptions options) throws InterruptedException {
    ManagedChannel channel = opened.channel();
    Optional<CommandDialer> dialer = opened.dialer();
    long start = System.nanoTime();
    long timeout = options.timeout().toNanos();
    boolean failed = false;
    boolean extended = false;
    while (true) {
      ConnectivityState state = channel.getState(true);
      if (state == ConnectivityState.READY) {
        return;
      }
      failed |= state == ConnectivityState.TRANSIENT_FAILURE;
      Optional<String> why = dialer.flatMap(CommandDialer::failure);
      if (why.isPresent()) { // it would do the same again
        throw unavailable(options, why.get());
      }
      if (state == ConnectivityState.TRANSIENT_FAILURE && isHopeless(options.address())) {
        throw unavailable(options, "no such file or directory");
      }
      long left = timeout - (System.nanoTime() - start);
      if (left <= 0 && !extended && !failed && isThere(dialer, options)) {
        extended = true;
        timeout *= PATIENCE;
        continue;
      }
      if (left <= 0) {
        throw unavailable(
            options,
            extended ? "it takes connections and does not answer" : "context deadline exceeded");
      }
      CountDownLatch changed = new CountDownLatch(1);
      channel.notifyWhenStateChanged(state, changed::countDown);
      var _ = changed.await(left, TimeUnit.NANOSECONDS);
    }
  }

  private static boolean isThere(Optional<CommandDialer> dialer, ConnectOptions options) {
    return dialer
        .map(CommandDialer::isRunning)
        .orElseGet(() -> takesConnections(options.address()));
  }

  private static boolean takesConnections(String address) {
    try (SocketChannel probe =
        address.startsWith("unix://")
            ? SocketChannel.open(UnixDomainSocketAddress.of(Path.of(address.substring(7))))
            : SocketChannel.open(socketAddress(URI.create(address)))) {
      return probe.isConnected();
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  private static boolean isHopeless(String address) {
    return address.startsWith("unix://") && !Files.exists(Path.of(address.substring(7)));
  }

  private static BuildException unavailable(ConnectOptions options, String why) {
    return new BuildException(
        Category.UNAVAILABLE,
        "failed to connect to " + options.address() + ", make sure buildd is running: " + why);
  }
}
