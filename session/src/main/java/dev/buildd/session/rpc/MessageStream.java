package dev.buildd.session.rpc;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One gRPC call in blocking style: {@link #read} waits for a message, {@link #write} waits until
 * the peer can take one. One thread reads, any number write.
 *
 * <p>On the calling side {@link #close} cancels what has not ended; on the serving side the call
 * ends when its handler returns.
 *
 * @param <S> what is sent
 * @param <R> what is received
 */
public final class MessageStream<S, R> implements AutoCloseable {
  private static final int LEAST_AHEAD = 8; // messages asked for before they are read
  private static final int MOST_AHEAD = 32;
  private static final int UNREAD_LIMIT = 128 << 20; // bytes of a stream nobody reads, at worst
  private static final int READY_THRESHOLD = 512 << 10;

  /** What a stream needs of the call below it. */
  private interface Wire<S> {
    boolean isReady();

    void send(S message);

    void request(int messages);

    void halfClose();

    void cancel(String why);
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final ReentrantLock writing = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final Deque<R> inbox = new ArrayDeque<>();

  @GuardedBy("lock")
  private int taken; // since messages were last asked for

  @GuardedBy("lock")
  private boolean halfClosed; // nothing more to read

  @GuardedBy("lock")
  private boolean ended; // nothing more to write either

  @GuardedBy("lock")
  private @Nullable StatusRuntimeException failure;

  private @Nullable Wire<S> wire;

  private final int ahead;

  private MessageStream(int ahead) {
    this.ahead = ahead;
  }

  /** Starts a call. */
  public static <S, R> MessageStream<S, R> call(
      Channel channel, MethodDescriptor<S, R> method, Metadata headers) {
    return call(channel, method, headers, CallOptions.DEFAULT);
  }

  /**
   * Starts a call with options, for example a deadline. With a bound for the size of a message more
   * of them are asked for ahead, which makes streams of many small ones faster.
   */
  public static <S, R> MessageStream<S, R> call(
      Channel channel, MethodDescriptor<S, R> method, Metadata headers, CallOptions options) {
    Integer bound = options.getMaxInboundMessageSize();
    int ahead =
        bound == null
            ? LEAST_AHEAD
            : Math.clamp(UNREAD_LIMIT / Math.max(1, bound), LEAST_AHEAD, MOST_AHEAD);
    MessageStream<S, R> stream = new MessageStream<>(ahead);
    ClientCall<S, R> call =
        channel.newCall(
            method, options.withExecutor(Runnable::run).withOnReadyThreshold(READY_THRESHOLD));
    stream.wire =
        new Wire<>() {
          @Override
          public boolean isReady() {
            // of a method with one message gRPC does not tell when it can be sent
            return method.getType().clientSendsOneMessage() || call.isReady();
          }

          @Override
          public void send(S message) {
            call.sendMessage(message);
          }

          @Override
          public void request(int messages) {
            call.request(messages);
          }

          @Override
          public void halfClose() {
            call.halfClose();
          }

          @Override
          public void cancel(String why) {
            call.cancel(why, null);
          }
        };
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(R message) {
            stream.received(message);
          }

          @Override
          public void onReady() {
            stream.wake();
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            stream.end(status.isOk() ? null : status.asRuntimeException(trailers));
          }
        },
        headers);
    call.request(ahead);
    return stream;
  }

  /** The serving end of a call; the listener that feeds it is the handler's. */
  static <S, R> MessageStream<S, R> serve(ServerCall<R, S> call) {
    MessageStream<S, R> stream = new MessageStream<>(LEAST_AHEAD);
    call.setOnReadyThreshold(READY_THRESHOLD);
    stream.wire =
        new Wire<>() {
          private boolean headersSent;

          @Override
          public boolean isReady() {
            return call.getMethodDescriptor().getType().serverSendsOneMessage() || call.isReady();
          }

          @Override
          public void send(S message) {
            if (!headersSent) {
              headersSent = true;
              call.sendHeaders(new Metadata());
            }
            call.sendMessage(message);
          }

          @Override
          public void request(int messages) {
            call.request(messages);
          }

          @Override
          public void halfClose() {}

          @Override
          public void cancel(String why) {}
        };
    call.request(LEAST_AHEAD);
    return stream;
  }

  private Wire<S> wire() {
    Wire<S> known = wire;
    if (known == null) {
      throw new IllegalStateException("not started");
    }
    return known;
  }

  /** The next message, or null when the peer has sent all; throws the status of a failed call. */
  public @Nullable R read() throws InterruptedException {
    R message;
    int more = 0;
    lock.lockInterruptibly();
    try {
      while (inbox.isEmpty() && !halfClosed && !ended) {
        changed.await();
      }
      message = inbox.poll();
      if (message == null) {
        if (failure != null) {
          throw failure;
        }
        return null;
      }
      // asking takes a turn of the network's thread, which many small messages share
      if (++taken >= ahead / 2) {
        more = taken;
        taken = 0;
      }
    } finally {
      lock.unlock();
    }
    if (more > 0) {
      wire().request(more);
    }
    return message;
  }

  /** Sends a message as soon as the peer can take one. */
  public void write(S message) throws InterruptedException {
    writing.lockInterruptibly();
    try {
      lock.lockInterruptibly();
      try {
        while (!ended && !wire().isReady()) {
          changed.await();
        }
        throwIfEnded();
      } finally {
        lock.unlock();
      }
      wire().send(message);
    } finally {
      writing.unlock();
    }
  }

  /** Sends the message if that takes no waiting. */
  public boolean offer(S message) {
    if (!writing.tryLock()) {
      return false;
    }
    try {
      lock.lock();
      try {
        if (ended || !wire().isReady()) {
          return false;
        }
      } finally {
        lock.unlock();
      }
      wire().send(message);
      return true;
    } finally {
      writing.unlock();
    }
  }

  @GuardedBy("lock")
  private void throwIfEnded() {
    if (!ended) {
      return;
    }
    if (failure != null) {
      throw failure;
    }
    throw Status.CANCELLED.withDescription("the peer ended the call").asRuntimeException();
  }

  /** Tells the peer that all is sent; reading goes on. */
  public void halfClose() throws InterruptedException {
    writing.lockInterruptibly();
    try {
      lock.lockInterruptibly();
      try {
        if (ended) {
          return;
        }
      } finally {
        lock.unlock();
      }
      wire().halfClose();
    } finally {
      writing.unlock();
    }
  }

  @Override
  public void close() {
    cancel();
  }

  /** Ends the call if it has not ended, and drops what was not read. */
  public void cancel() {
    boolean open;
    lock.lock();
    try {
      open = !ended;
      ended = true;
      inbox.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (open) {
      wire().cancel("closed");
    }
  }

  void received(R message) {
    lock.lock();
    try {
      if (!ended) {
        inbox.add(message);
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void peerHalfClosed() {
    lock.lock();
    try {
      halfClosed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void end(@Nullable StatusRuntimeException why) {
    lock.lock();
    try {
      if (!ended) {
        ended = true;
        failure = why;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }
}
