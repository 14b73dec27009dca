package dev.buildd.session.rpc;

import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;

/** Netty's threads. */
public final class EventLoops {
  private EventLoops() {}

  private static final class Shared {
    static final EventLoopGroup GROUP = create("session-io", 1);
  }

  /** One loop for all sessions and connections of a client; made when first asked for. */
  public static EventLoopGroup shared() {
    return Shared.GROUP;
  }

  /** Loops whose threads do not keep the program alive. */
  public static EventLoopGroup create(String name, int threads) {
    return new MultiThreadIoEventLoopGroup(
        threads, new DefaultThreadFactory(name, true), NioIoHandler.newFactory());
  }

  /** The loop that runs the caller if it is one of the group's, else any of them. */
  public static EventLoop here(EventLoopGroup group) {
    for (EventExecutor executor : group) {
      if (executor.inEventLoop() && executor instanceof EventLoop loop) {
        return loop;
      }
    }
    return group.next();
  }
}
