package dev.buildd.session;

import dev.buildd.session.rpc.EventLoops;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoop;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One gRPC connection over two streams, such as a process's standard input and output, without any
 * greeting: HTTP/2 from the first byte on.
 */
public final class StreamConnection implements AutoCloseable {
  private static final int MAX_MESSAGE = 16 << 20;

  private final Server server;
  private final Tunnel tunnel;
  private final CountDownLatch ended;
  private final List<Runnable> onEnd; // guarded by itself

  private StreamConnection(
      Server server, Tunnel tunnel, CountDownLatch ended, List<Runnable> onEnd) {
    this.server = server;
    this.tunnel = tunnel;
    this.ended = ended;
    this.onEnd = onEnd;
  }

  /** Serves whoever is at the other end of the streams, which are closed in the end. */
  public static StreamConnection serve(
      String name, InputStream in, OutputStream out, List<ServerServiceDefinition> services)
      throws IOException {
    EventLoop loop = EventLoops.shared().next();
    Acceptor acceptor = new Acceptor();
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(Tunnel.ADDRESS)
            .channelFactory(() -> acceptor)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .directExecutor() // our handlers only start a virtual thread
            .maxInboundMessageSize(MAX_MESSAGE)
            .maxInboundMetadataSize(MAX_MESSAGE)
            .permitKeepAliveWithoutCalls(true)
            .permitKeepAliveTime(1, TimeUnit.SECONDS);
    services.forEach(builder::addService);
    builder.addService(ClientSession.health());
    CountDownLatch ended = new CountDownLatch(1);
    List<Runnable> onEnd = new ArrayList<>();
    StreamWire wire =
        new StreamWire(
            name,
            in,
            out,
            () -> {
              List<Runnable> tasks;
              synchronized (onEnd) {
                ended.countDown();
                tasks = List.copyOf(onEnd);
                onEnd.clear();
              }
              tasks.forEach(Runnable::run);
            });
    Server server = builder.build().start();
    Tunnel tunnel = new Tunnel(acceptor, loop, wire, true);
    wire.start(tunnel);
    acceptor.accept(tunnel);
    return new StreamConnection(server, tunnel, ended, onEnd);
  }

  /** Connects with the server at the other end of the streams, which are closed in the end. */
  public static ManagedChannel connect(String name, InputStream in, OutputStream out) {
    EventLoop loop = EventLoops.shared().next();
    StreamWire wire = new StreamWire(name, in, out, () -> {});
    Tunnel tunnel = new Tunnel(null, loop, wire, false);
    wire.start(tunnel);
    AtomicBoolean connected = new AtomicBoolean();
    return NettyChannelBuilder.forAddress(Tunnel.ADDRESS)
        .channelFactory(() -> {
          if (!connected.compareAndSet(false, true)) {
            throw new IllegalStateException(name + ": only one connection");
          }
          return tunnel;
        })
        .eventLoopGroup(loop)
        .directExecutor()
        .usePlaintext()
        .overrideAuthority("localhost")
        .disableRetry()
        .idleTimeout(30, TimeUnit.DAYS)
        .maxInboundMessageSize(MAX_MESSAGE)
        .maxInboundMetadataSize(MAX_MESSAGE)
        .build();
  }

  /** Runs the task when the connection ends, at once if it has; it must not block. */
  public void whenEnded(Runnable task) {
    synchronized (onEnd) {
      if (ended.getCount() > 0) {
        onEnd.add(task);
        return;
      }
    }
    task.run();
  }

  @Override
  public void close() {
    tunnel.hangUp();
    server.shutdownNow();
  }
}
