package dev.buildd.client;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.Tls;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Opens connections to daemons. */
final class Connections {
  private static final int MAX_MESSAGE = 16 << 20;

  private Connections() {}

  static ManagedChannel open(ConnectOptions options) throws IOException {
    String address = options.address();
    int scheme = address.indexOf("://");
    if (scheme < 0) {
      throw BuildException.invalid("invalid address " + address);
    }
    String rest = address.substring(scheme + 3);
    NettyChannelBuilder builder =
        switch (address.substring(0, scheme)) {
          case "unix" -> unix(Path.of(rest));
          case "tcp" -> tcp(URI.create(address));
          case String other ->
              throw new BuildException(Category.UNIMPLEMENTED, "unsupported protocol: " + other);
        };
    if (options.tls().isPresent()) {
      builder.sslContext(context(options.tls().get()));
      options.tls().get().serverName().ifPresent(builder::overrideAuthority);
    } else {
      builder.usePlaintext();
    }
    return builder
        .eventLoopGroup(EventLoops.shared())
        .directExecutor()
        .disableRetry()
        .maxInboundMessageSize(MAX_MESSAGE)
        .maxInboundMetadataSize(MAX_MESSAGE)
        .build();
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
    }
    tls.own().ifPresent(pair -> out.keyManager(Tls.keyManager(pair)));
    return out.build();
  }

  private static NettyChannelBuilder unix(Path socket) {
    return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
        .channelFactory(NioDomainSocketChannel::new)
        .overrideAuthority("localhost");
  }

  private static NettyChannelBuilder tcp(URI uri) {
    String host = uri.getHost();
    if (host == null || uri.getPort() < 0) {
      throw BuildException.invalid("invalid address " + uri);
    }
    return NettyChannelBuilder.forAddress(new InetSocketAddress(host, uri.getPort()))
        .channelFactory(NioSocketChannel::new)
        .overrideAuthority(host.startsWith("[") ? "[" + host + "]" : host);
  }

  /** Waits for the connection; the failure says why there is none. */
  static void awaitReady(ManagedChannel channel, ConnectOptions options)
      throws InterruptedException {
    long deadline = System.nanoTime() + options.timeout().toNanos();
    while (true) {
      ConnectivityState state = channel.getState(true);
      if (state == ConnectivityState.READY) {
        return;
      }
      if (state == ConnectivityState.TRANSIENT_FAILURE && isHopeless(options.address())) {
        throw unavailable(options, "no such file or directory");
      }
      long left = deadline - System.nanoTime();
      CountDownLatch changed = new CountDownLatch(1);
      channel.notifyWhenStateChanged(state, changed::countDown);
      if (left <= 0 || !changed.await(left, TimeUnit.NANOSECONDS)) {
        throw unavailable(options, "context deadline exceeded");
      }
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
