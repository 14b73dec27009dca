package dev.buildd.session.rpc;

import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Netty's threads. */
public final class EventLoops {
  private static @Nullable EventLoopGroup shared; // guarded by the class

  private EventLoops() {}

  /** One loop for all sessions and connections of a client; made when first asked for. */
  public static synchronized EventLoopGroup shared() {
    EventLoopGroup group = shared;
    if (group == null) {
      group = create("session-io", 1);
      shared = group;
    }
    return group;
  }

  /**
   * Ends the shared loop, if there is one, before the program ends: a JVM that halts waits 300 ms
   * for threads that are in native code, as a loop is while it waits for events.
   *
   * @param patience how long this may take
   */
  public static synchronized void endShared(Duration patience) throws InterruptedException {
    if (shared != null) {
      shared
          .shutdownGracefully(0, 0, TimeUnit.MILLISECONDS)
          .await(patience.toMillis(), TimeUnit.MILLISECONDS);
    }
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
