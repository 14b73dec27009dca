package dev.buildd.session;

import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.session.rpc.EventLoops;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A daemon's session service and a connection to it. */
public final class Wired implements AutoCloseable {
  private final EventLoopGroup loops = EventLoops.create("test-daemon", 1);
  public final SessionManager manager = new SessionManager(loops);
  private final Server server;
  public final ManagedChannel channel;

  public Wired() throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .channelType(NioServerSocketChannel.class)
            .bossEventLoopGroup(loops)
            .workerEventLoopGroup(loops)
            .directExecutor()
            .addService(
                ServerServiceDefinition.builder(ControlGrpc.SERVICE_NAME)
                    .addMethod(ControlGrpc.getSessionMethod(), manager.handler())
                    .build())
            .build()
            .start();
    channel =
        NettyChannelBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getPort()))
            .channelType(NioSocketChannel.class)
            .eventLoopGroup(EventLoops.shared())
            .directExecutor()
            .usePlaintext()
            .build();
  }

  public ClientSession client(Attachable... attachables) throws IOException {
    return ClientSession.open(channel, ClientSession.newId(), "shared", List.of(attachables));
  }

  public Session session(ClientSession client) throws InterruptedException {
    return manager.await(client.id(), Duration.ofSeconds(5));
  }

  @Override
  public void close() {
    manager.close();
    channel.shutdownNow();
    server.shutdownNow();
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
