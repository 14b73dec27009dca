package dev.buildd.daemon;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

/**
 * Lets only so many connections of a listening channel be open at once; others are closed before
 * anything is read of them. The first handler of the listening channel, for that one alone.
 */
final class ConnectionLimit extends ChannelInboundHandlerAdapter {
  private final int most;
  private int open; // guarded by this: connections close on the loops of their own

  ConnectionLimit(int most) {
    this.most = most;
  }

  private synchronized boolean admit() {
    if (open == most) {
      return false;
    }
    open++;
    return true;
  }

  private synchronized void closed() {
    open--;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object accepted) {
    Channel connection = (Channel) accepted;
    if (!admit()) {
      connection.unsafe().closeForcibly();
      return;
    }
    connection.closeFuture().addListener(_ -> closed());
    context.fireChannelRead(accepted);
  }
}
