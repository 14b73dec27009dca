package dev.buildd.daemon;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.IntSupplier;

/**
 * Diagnostics over HTTP: {@code /debug/pprof/goroutine} gives the stacks of all threads, {@code
 * /debug/vars} figures of the process and of what builds hold.
 */
final class DebugServer implements AutoCloseable {
  private static final int SOCKET_MODE = 0600;
  private static final int MAX_REQUEST = 64 << 10;

  private final Channel channel;
  private final Optional<SocketFile> socket;

  private DebugServer(Channel channel, Optional<SocketFile> socket) {
    this.channel = channel;
    this.socket = socket;
  }

  /**
   * @param address {@code host:port}, {@code tcp://host:port} or {@code unix://path}
   * @param counts figures of the daemon's parts, by the name they are told under
   */
  static DebugServer open(String address, EventLoopGroup loops, Map<String, IntSupplier> counts)
      throws Exception {
    boolean unix = address.startsWith("unix://");
    SocketAddress at =
        unix
            ? UnixDomainSocketAddress.of(
                Path.of(address.substring("unix://".length())).toAbsolutePath())
            : inet(address);
    ServerBootstrap server =
        new ServerBootstrap()
            .group(loops)
            .channel(unix ? NioServerDomainSocketChannel.class : NioServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel child) {
                    child
                        .pipeline()
                        .addLast(new HttpServerCodec())
                        .addLast(new HttpObjectAggregator(MAX_REQUEST))
                        .addLast(new Pages(counts));
                  }
                });
    Channel[] bound = new Channel[1];
    Callable<?> bind = () -> bound[0] = server.bind(at).sync().channel();
    Optional<SocketFile> socket = Optional.empty();
    if (at instanceof UnixDomainSocketAddress file) {
      Stat self = Linux.stat(Path.of("/proc/self"));
      socket =
          Optional.of(SocketFile.bind(file.getPath(), SOCKET_MODE, self.uid(), self.gid(), bind));
    } else {
      bind.call();
    }
    return new DebugServer(bound[0], socket);
  }

  private static SocketAddress inet(String address) {
    String rest = address.startsWith("tcp://") ? address.substring(6) : address;
    int colon = rest.lastIndexOf(':');
    try {
      String host = colon <= 0 ? "127.0.0.1" : rest.substring(0, colon);
      return new InetSocketAddress(host, Integer.parseInt(rest.substring(colon + 1)));
    } catch (IllegalArgumentException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "debug address " + address + " has no valid port", e);
    }
  }

  private static final class Pages extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final Map<String, IntSupplier> counts;

    Pages(Map<String, IntSupplier> counts) {
      this.counts = counts;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
      String path = request.uri().split("\\?", 2)[0];
      // the event loop serves builds too
      Threads.start("debug page " + path, () -> answer(context, path));
    }

    private void answer(ChannelHandlerContext context, String path) {
      HttpResponseStatus status = HttpResponseStatus.OK;
      String page;
      try {
        page =
            switch (path) {
              case "/debug/pprof/goroutine" -> stacks();
              case "/debug/vars" -> figures();
              default -> {
                status = HttpResponseStatus.NOT_FOUND;
                yield "not found\n";
              }
            };
      } catch (IOException e) {
        status = HttpResponseStatus.INTERNAL_SERVER_ERROR;
        page = e.getMessage() + "\n";
      }
      DefaultFullHttpResponse response =
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, status, Unpooled.copiedBuffer(page, StandardCharsets.UTF_8));
      response.headers().set(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8");
      response.headers().setInt(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes());
      context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
    }

    /** All threads: those of builds are virtual, and named after their work. */
    private static String stacks() throws IOException {
      Path directory = Files.createTempDirectory("buildd-threads");
      Path dump = directory.resolve("dump"); // which the virtual machine wants to make itself
      try {
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
            .dumpThreads(dump.toString(), ThreadDumpFormat.TEXT_PLAIN);
        return Files.readString(dump);
      } finally {
        Files.deleteIfExists(dump);
        Files.delete(directory);
      }
    }

    private String figures() {
      MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("heapUsed", heap.getUsed());
      out.put("heapCommitted", heap.getCommitted());
      out.put("threads", ManagementFactory.getThreadMXBean().getThreadCount());
      counts.forEach((name, count) -> out.put(name, count.getAsInt()));
      return new String(Json.bytes(out), StandardCharsets.UTF_8) + "\n";
    }
  }

  @Override
  public void close() throws IOException {
    channel.close().awaitUninterruptibly();
    if (socket.isPresent()) {
      socket.get().close();
    }
  }
}
