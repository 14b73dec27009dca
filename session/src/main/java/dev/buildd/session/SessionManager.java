package dev.buildd.session;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.control.BytesMessage;
import dev.buildd.session.rpc.EventLoops;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sessions that clients have opened. Inside each the daemon is the gRPC client, connected at
 * once: a client that is closing waits three seconds for a connection that never came.
 */
public final class SessionManager implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SessionManager.class);
  private static final int MAX_MESSAGE = 16 << 20;
  private static final int READY_THRESHOLD = 512 << 10;

  private final EventLoopGroup loops;
  private final Watching watching;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition arrived = lock.newCondition();

  @GuardedBy("lock")
  private final Map<String, Session> sessions = new HashMap<>();

  @GuardedBy("lock")
  private boolean closed;

  private final LongAdder received = new LongAdder();
  private final LongAdder sent = new LongAdder();

  /** Watches the calls that are made through sessions. */
  @FunctionalInterface
  public interface Watching {
    /**
     * What the calls through a session pass.
     *
     * @param headers of the call that is the session
     */
    Optional<ClientInterceptor> of(Metadata headers);
  }

  /** Uses the process' shared event loop. */
  public SessionManager() {
    this(EventLoops.shared());
  }

  /** Shares the loops of the server that carries the sessions, so that bytes change no thread. */
  public SessionManager(EventLoopGroup loops) {
    this(loops, _ -> Optional.empty());
  }

  /** As the other, with somebody who watches what is asked through sessions. */
  public SessionManager(EventLoopGroup loops, Watching watching) {
    this.loops = loops;
    this.watching = watching;
  }

  /** Serves Control/Session; to be bound with a direct executor, for it never blocks. */
  public ServerCallHandler<BytesMessage, BytesMessage> handler() {
    return this::open;
  }

  /** How often and how patiently a client is asked whether it is well. */
  private record Health(Duration interval, Duration timeout, int failures) {
    static final Health DEFAULT = new Health(Duration.ofSeconds(5), Duration.ofSeconds(15), 2);

    static Health of(Metadata headers) {
      String custom = headers.get(SessionHeaders.HEALTH_TIMEOUT);
      if (custom == null) {
        return DEFAULT;
      }
      try {
        int millis = Integer.parseInt(custom);
        if (millis <= 0) {
          return DEFAULT;
        }
        Duration patience = Duration.ofMillis(Math.max(1000, millis));
        return new Health(patience, patience, 1);
      } catch (NumberFormatException e) {
        return DEFAULT;
      }
    }
  }

  private ServerCall.Listener<BytesMessage> open(
      ServerCall<BytesMessage, BytesMessage> call, Metadata headers) {
    String id = headers.get(SessionHeaders.ID);
    if (id == null || id.isEmpty()) {
      return refuse(call, Status.INVALID_ARGUMENT.withDescription("session without an id"));
    }
    call.setOnReadyThreshold(READY_THRESHOLD);
    call.sendHeaders(new Metadata());
    EventLoop loop = EventLoops.here(loops);
    AtomicBoolean over = new AtomicBoolean();
    Tunnel tunnel =
        new Tunnel(
            null,
            loop,
            new Tunnel.Wire() {
              @Override
              public boolean isReady() {
                return call.isReady();
              }

              @Override
              public void send(BytesMessage message) {
                sent.add(message.getData().size());
                call.sendMessage(message);
              }

              @Override
              public void request(int messages) {
                call.request(messages);
              }

              @Override
              public void close() {
                if (over.compareAndSet(false, true)) {
                  call.close(Status.OK, new Metadata());
                }
              }
            },
            false);
    AtomicBoolean connected = new AtomicBoolean();
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(Tunnel.ADDRESS)
            .channelFactory(() -> {
              if (!connected.compareAndSet(false, true)) {
                throw new IllegalStateException("session " + id + ": only one connection");
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
    Session session =
        new Session(
            id,
            Objects.requireNonNullElse(headers.get(SessionHeaders.NAME), ""),
            Objects.requireNonNullElse(headers.get(SessionHeaders.SHARED_KEY), ""),
            methods(headers),
            channel,
            watching
                .of(headers)
                .map(watcher -> ClientInterceptors.intercept(channel, watcher))
                .orElse(channel));
    Optional<String> refusal = add(session);
    if (refusal.isPresent()) {
      over.set(true);
      channel.shutdownNow();
      return refuse(call, Status.ALREADY_EXISTS.withDescription(refusal.get()));
    }
    session.whenEnded(() -> remove(session));
    session.whenEnded(tunnel::hangUp);
    channel.getState(true);
    Thread health =
        Threads.start("health of session " + id, () -> watch(session, Health.of(headers)));
    session.whenEnded(health::interrupt);
    log.debug("session started id={}", id);
    return new ServerCall.Listener<>() {
      @Override
      public void onMessage(BytesMessage message) {
        received.add(message.getData().size());
        tunnel.inbound(message.getData());
      }

      @Override
      public void onReady() {
        tunnel.writable();
      }

      @Override
      public void onHalfClose() {
        session.end();
      }

      @Override
      public void onCancel() {
        over.set(true);
        session.end();
      }
    };
  }

  /** Bytes received over all sessions so far. */
  public long received() {
    return received.sum();
  }

  /** Bytes sent over all sessions so far. */
  public long sent() {
    return sent.sum();
  }

  private static ServerCall.Listener<BytesMessage> refuse(
      ServerCall<BytesMessage, BytesMessage> call, Status status) {
    call.close(status, new Metadata());
    return new ServerCall.Listener<>() {};
  }

  private static Set<String> methods(Metadata headers) {
    Set<String> methods = new HashSet<>();
    Iterable<String> named = headers.getAll(SessionHeaders.METHOD);
    if (named != null) {
      named.forEach(method -> methods.add(method.toLowerCase(Locale.ROOT)));
    }
    return methods;
  }

  private Optional<String> add(Session session) {
    lock.lock();
    try {
      if (closed) {
        return Optional.of("the daemon is closing");
      }
      if (sessions.putIfAbsent(session.id(), session) != null) {
        return Optional.of("session " + session.id() + " already exists");
      }
      arrived.signalAll();
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  private void remove(Session session) {
    lock.lock();
    try {
      sessions.remove(session.id(), session);
    } finally {
      lock.unlock();
    }
    log.debug("session ended id={}", session.id());
  }

  private static void watch(Session session, Health health) {
    int failures = 0;
    Duration last = Duration.ZERO;
    while (session.isOpen()) {
      try {
        Thread.sleep(health.interval);
      } catch (InterruptedException e) {
        return;
      }
      long began = System.nanoTime();
      long patience = Math.max(health.timeout.toNanos(), last.toNanos() * 3 / 2);
      try {
        HealthGrpc.newBlockingStub(session.channel())
            .withDeadlineAfter(patience, TimeUnit.NANOSECONDS)
            .check(HealthCheckRequest.getDefaultInstance());
        failures = 0;
      } catch (StatusRuntimeException e) {
        if (!session.isOpen() || Thread.interrupted()) {
          return;
        }
        failures++;
        log.warn("session is not well id={} failures={}", session.id(), failures, e);
        if (failures >= health.failures) {
          session.end();
          return;
        }
      }
      last = Duration.ofNanos(System.nanoTime() - began);
    }
  }

  /** A part before a colon only tells requests apart that use the same session. */
  private static String bare(String id) {
    int colon = id.indexOf(':');
    return colon >= 0 && colon + 1 < id.length() ? id.substring(colon + 1) : id;
  }

  /** The session with that id, for which it waits; {@code NOT_FOUND} if it does not come. */
  public Session await(String id, Duration patience) throws InterruptedException {
    String bare = bare(id);
    long nanos = patience.toNanos();
    lock.lockInterruptibly();
    try {
      while (true) {
        Session session = sessions.get(bare);
        if (session != null) {
          return session;
        }
        if (nanos <= 0 || closed) {
          throw BuildException.notFound(
              "no active session for " + bare + ": context deadline exceeded");
        }
        nanos = arrived.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The session with that id if it is open now. */
  public Optional<Session> find(String id) {
    lock.lock();
    try {
      return Optional.ofNullable(sessions.get(bare(id)));
    } finally {
      lock.unlock();
    }
  }

  /** The number of open sessions, for tests and leak checks. */
  public int count() {
    lock.lock();
    try {
      return sessions.size();
    } finally {
      lock.unlock();
    }
  }

  /** Ends all sessions and refuses new ones. */
  @Override
  public void close() {
    List<Session> all;
    lock.lock();
    try {
      closed = true;
      all = List.copyOf(sessions.values());
      arrived.signalAll();
    } finally {
      lock.unlock();
    }
    all.forEach(Session::end);
  }
}
