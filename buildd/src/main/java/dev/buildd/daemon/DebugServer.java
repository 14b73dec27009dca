package dev.buildd.daemon;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.DefaultFileRegion;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/** Diagnostics over HTTP: {@link DebugPages}. Its socket is the daemon's user's alone. */
final class DebugServer implements AutoCloseable {
  private static final int SOCKET_MODE = 0600;
  private static final int MAX_REQUEST = 16 << 20; // a cache's config, say

  private final Channel channel;
  private final Optional<SocketFile> socket;

  private DebugServer(Channel channel, Optional<SocketFile> socket) {
    this.channel = channel;
    this.socket = socket;
  }

  /**
   * @param address {@code host:port}, {@code tcp://host:port} or {@code unix://path}
   */
  static DebugServer open(String address, EventLoopGroup loops, DebugPages pages) throws Exception {
    boolean unix = address.startsWith("unix://");
    SocketAddress at =
        unix
            ? UnixDomainSocketAddress.of(
                Path.of(address.substring("unix://".length())).toAbsolutePath())
            : inet(address);
    ServerBootstrap server =
        new ServerBootstrap()
            .group(loops)
            .channelFactory(unix ? NioServerDomainSocketChannel::new : NioServerSocketChannel::new)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel child) {
                    child
                        .pipeline()
                        .addLast(new HttpServerCodec())
                        .addLast(new HttpObjectAggregator(MAX_REQUEST))
                        .addLast(new Requests(pages));
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

  private static final class Requests extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final DebugPages pages;

    Requests(DebugPages pages) {
      this.pages = pages;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
      if (request.decoderResult().isFailure()) {
        send(context, DebugPages.Page.text(400, "that is no request\n"));
        return;
      }
      String method = request.method().name();
      String uri = request.uri();
      boolean foreign = request.headers().contains(HttpHeaderNames.ORIGIN);
      boolean json = "application/json".equals(request.headers().get(HttpHeaderNames.ACCEPT));
      byte[] body = ByteBufUtil.getBytes(request.content()); // which is gone when this returns
      // the event loop serves builds too
      Thread busy =
          Threads.unstarted(
              "debug page " + uri, () -> answer(context, method, uri, json, foreign, body));
      context.channel().closeFuture().addListener(_ -> busy.interrupt());
      busy.start();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close(); // the connection is broken, or what came is no HTTP
    }

    private void answer(
        ChannelHandlerContext context,
        String method,
        String uri,
        boolean json,
        boolean foreign,
        byte[] body) {
      DebugPages.Answer answer;
      try {
        QueryStringDecoder decoded = new QueryStringDecoder(uri);
        Map<String, String> query = new HashMap<>();
        decoded.parameters().forEach((name, values) -> query.put(name, values.getLast()));
        answer =
            pages.answer(new DebugPages.Asked(method, decoded.path(), query, json, foreign, body));
      } catch (IllegalArgumentException e) {
        answer = DebugPages.Page.text(400, e.getMessage() + "\n");
      } catch (InterruptedException e) {
        return; // whoever asked is gone
      }
      send(context, answer);
    }

    private static void send(ChannelHandlerContext context, DebugPages.Answer answer) {
      switch (answer) {
        case DebugPages.Page page -> {
          FullHttpResponse response =
              new DefaultFullHttpResponse(
                  HttpVersion.HTTP_1_1,
                  HttpResponseStatus.valueOf(page.status()),
                  Unpooled.wrappedBuffer(page.body()));
          head(response, page, page.body().length);
          context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
        }
        case DebugPages.Attachment attachment -> {
          Path file = attachment.file();
          long length = file.toFile().length();
          HttpResponse response =
              new DefaultHttpResponse(
                  HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(attachment.status()));
          head(response, attachment, length);
          response
              .headers()
              .set(
                  HttpHeaderNames.CONTENT_DISPOSITION,
                  "attachment; filename=\"" + attachment.name() + "\"");
          context.write(response);
          context.write(new DefaultFileRegion(file.toFile(), 0, length));
          context
              .writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT)
              .addListener(_ -> Cleanup.run("delete " + file, () -> Files.deleteIfExists(file)))
              .addListener(ChannelFutureListener.CLOSE);
        }
      }
    }

    private static void head(HttpResponse response, DebugPages.Answer answer, long length) {
      response.headers().set(HttpHeaderNames.CONTENT_TYPE, answer.type());
      response.headers().set(HttpHeaderNames.CONTENT_LENGTH, length);
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
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
