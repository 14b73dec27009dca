package dev.buildd.session;

import io.netty.channel.AbstractServerChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import java.net.SocketAddress;

/** A listening channel that is handed its connections. */
final class Acceptor extends AbstractServerChannel {
  private final ChannelConfig config =
      new DefaultChannelConfig(this) {
        @Override
        public <T> boolean setOption(ChannelOption<T> option, T value) {
          return ChannelOption.SO_BACKLOG.equals(option) || super.setOption(option, value);
        }
      };
  private volatile boolean open = true;
  private volatile boolean bound;

  void accept(Tunnel tunnel) {
    eventLoop()
        .execute(() -> {
          pipeline().fireChannelRead(tunnel);
          pipeline().fireChannelReadComplete();
        });
  }

  @Override
  protected boolean isCompatible(EventLoop loop) {
    return true;
  }

  @Override
  protected SocketAddress localAddress0() {
    return Tunnel.ADDRESS;
  }

  @Override
  protected void doBind(SocketAddress address) {
    bound = true;
  }

  @Override
  protected void doBeginRead() {}

  @Override
  protected void doClose() {
    open = false;
    bound = false;
  }

  @Override
  public ChannelConfig config() {
    return config;
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public boolean isActive() {
    return open && bound;
  }
}
