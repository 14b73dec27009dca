package dev.buildd.session;

import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** A client that is there to be asked: for files, secrets, credentials. */
public final class Session {
  private final String id;
  private final String name;
  private final String sharedKey;
  private final Set<String> methods;
  private final ManagedChannel channel;
  private final Channel calls;
  private final List<Runnable> onEnd = new ArrayList<>();
  private boolean ended;

  Session(
      String id,
      String name,
      String sharedKey,
      Set<String> methods,
      ManagedChannel channel,
      Channel calls) {
    this.id = id;
    this.name = name;
    this.sharedKey = sharedKey;
    this.methods = Set.copyOf(methods);
    this.channel = channel;
    this.calls = calls;
  }

  public String id() {
    return id;
  }

  public String name() {
    return name;
  }

  /** Names the client's state across sessions, so that its files can be synchronised anew. */
  public String sharedKey() {
    return sharedKey;
  }

  /** Whether the client offers the method, written {@code /package.Service/Method} in any case. */
  public boolean supports(String fullMethod) {
    return methods.contains(fullMethod.toLowerCase(Locale.ROOT));
  }

  /** Reaches the client's services. Calls made through it fail when the session ends. */
  public Channel channel() {
    return calls;
  }

  public synchronized boolean isOpen() {
    return !ended;
  }

  /** Runs the task when the session ends, at once if it has; it must not block. */
  public void whenEnded(Runnable task) {
    synchronized (this) {
      if (!ended) {
        onEnd.add(task);
        return;
      }
    }
    task.run();
  }

  void end() {
    List<Runnable> tasks;
    synchronized (this) {
      if (ended) {
        return;
      }
      ended = true;
      tasks = List.copyOf(onEnd);
      onEnd.clear();
    }
    tasks.forEach(Runnable::run);
    channel.shutdownNow();
  }
}
