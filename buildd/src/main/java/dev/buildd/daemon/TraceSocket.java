package dev.buildd.daemon;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.daemon.rpc.CallLimit;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * A socket that is shown to steps, at which they hand over the spans of what they do. Whoever runs
 * there may be anybody: nothing else is served, and little is taken at once.
 */
final class TraceSocket implements AutoCloseable {
  private static final int MODE = 0666; // steps run as any user
  private static final int MAX_MESSAGE = 4 << 20; // what collectors take
  private static final int MAX_HEADERS = 16 << 10;
  private static final int MAX_CALLS = 16; // of all steps together
  private static final int IDLE_SECONDS = 60;
  private static final int HANDSHAKE_SECONDS = 20;

  private final Server server;
  private final SocketFile file;

  private TraceSocket(Server server, SocketFile file) {
    this.server = server;
    this.file = file;
  }

  /**
   * Listens.
   *
   * @param owner who owns the socket
   * @param traces what takes the spans
   * @throws BuildException {@code UNAVAILABLE} if nothing can listen there
   */
  static TraceSocket open(
      Path path, BuilddConfig.Grpc owner, EventLoopGroup loops, ServerServiceDefinition traces)
      throws Exception {
    Server server =
        NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(path))
            .channelFactory(NioServerDomainSocketChannel::new)
            .bossEventLoopGroup(loops)
            .workerEventLoopGroup(loops)
            .directExecutor()
            .maxInboundMessageSize(MAX_MESSAGE)
            .maxInboundMetadataSize(MAX_HEADERS)
            .maxConcurrentCallsPerConnection(MAX_CALLS)
            .maxConnectionIdle(IDLE_SECONDS, TimeUnit.SECONDS)
            .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
            .addService(ServerInterceptors.intercept(traces, new CallLimit(MAX_CALLS)))
            .build();
    try {
      return new TraceSocket(
          server, SocketFile.bind(path, MODE, owner.uid(), owner.gid(), server::start));
    } catch (IOException e) {
      server.shutdownNow();
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new BuildException(
          Category.UNAVAILABLE,
          "failed to listen for traces of steps at "
              + path
              + ": "
              + cause.getMessage()
              + ": name another place in otel.socketPath or --otel-socket-path",
          e);
    }
  }

  @Override
  public void close() {
    server.shutdownNow();
    Cleanup.run("remove the socket for traces", file::close);
  }
}
