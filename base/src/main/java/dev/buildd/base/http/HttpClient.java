package dev.buildd.base.http;

import dev.buildd.base.concurrent.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Asks web servers (docs/adr/0006): in blocking style, with HTTP/1.1, whose transfers need no
 * window of ours. Follows no redirects. An interrupt ends a request and the reading of its answer.
 *
 * <p>Safe for use by many threads.
 */
public final class HttpClient implements AutoCloseable {
  /** The header {@code User-Agent} of all requests. */
  public static final String USER_AGENT = "buildkit/v0.32";

  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final int MAX_IDLE = 16; // of one server

  private final @Nullable SSLContext tls;
  private final Proxies proxies;
  private final Map<Route, Deque<Idle>> idle = new HashMap<>(); // guarded by this
  private boolean reaping; // guarded by this
  private boolean closed; // guarded by this

  private record Route(String scheme, String host, int port, Optional<Proxies.Server> proxy) {}

  private record Idle(HttpConnection connection, long sinceNanos) {}

  private HttpClient(@Nullable SSLContext tls, Proxies proxies) {
    this.tls = tls;
    this.proxies = proxies;
  }

  /** A client that heeds the proxies of the environment and trusts whom the machine trusts. */
  public static HttpClient create() {
    return new HttpClient(null, new Proxies(System.getenv()));
  }

  /** As {@link #create()}, with settings of its own for TLS. */
  public static HttpClient create(TlsSettings settings) {
    return settings.isDefault()
        ? create()
        : new HttpClient(Tls.context(settings), new Proxies(System.getenv()));
  }

  /** A client that heeds these proxies. */
  static HttpClient of(Proxies proxies) {
    return new HttpClient(null, proxies);
  }

  /**
   * Sends a request.
   *
   * @throws IOException if there is no answer, with a text that says why
   */
  public HttpResponse send(HttpRequest request) throws IOException, InterruptedException {
    Optional<Proxies.Server> proxy = proxies.select(request.url());
    Route route =
        new Route(
            request.url().scheme(), request.url().host(), request.url().effectivePort(), proxy);
    HttpConnection known = borrow(route);
    if (known != null) {
      try {
        return send(known, route, request);
      } catch (IOException e) {
        // it may have been ended just now, after a while of rest
        if (!request.method().matches("GET|HEAD") || e instanceof TimeoutException) {
          throw e;
        }
      }
    }
    return send(null, route, request);
  }

  private HttpResponse send(@Nullable HttpConnection known, Route route, HttpRequest request)
      throws IOException, InterruptedException {
    Watch watch = new Watch(request.patience());
    HttpConnection connection = known;
    boolean done = false;
    try {
      if (connection == null) {
        connection = HttpConnection.open(request.url(), route.proxy, context());
      }
      watch.watch(connection);
      HttpConnection open = connection;
      HttpConnection.Head head = open.exchange(request);
      HttpResponse response =
          new HttpResponse(
              request.url(),
              head.status(),
              head.headers(),
              open.body(request, head, () -> giveBack(route, open)));
      done = true;
      return response;
    } catch (IOException e) {
      if (Thread.currentThread().isInterrupted() || isInterrupt(e)) {
        Thread.interrupted();
        throw new InterruptedException("request interrupted");
      }
      throw watch.failure(e);
    } finally {
      watch.end();
      if (!done && connection != null) {
        connection.close();
      }
    }
  }

  private SSLContext context() {
    try {
      return tls == null ? Tls.system() : tls;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this JVM has no TLS", e);
    }
  }

  /** Whether reading a body failed because the reader was interrupted. */
  public static boolean isInterrupt(IOException e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof InterruptedException
          || t instanceof ClosedByInterruptException
          || (t instanceof InterruptedIOException
              && !(t instanceof java.net.SocketTimeoutException))) {
        return true;
      }
    }
    return false;
  }

  private static final class TimeoutException extends IOException {
    private static final long serialVersionUID = 1L;

    TimeoutException(Duration patience, IOException cause) {
      super("no answer within " + patience.toSeconds() + " s", cause);
    }
  }

  /** Ends a connection whose answer does not begin in time. */
  private static final class Watch {
    private final Optional<Duration> patience;
    private final AtomicBoolean fired = new AtomicBoolean();
    private @Nullable ScheduledFuture<?> timer;

    Watch(Optional<Duration> patience) {
      this.patience = patience;
    }

    void watch(HttpConnection connection) {
      if (patience.isPresent()) {
        timer =
            Threads.timer()
                .schedule(
                    () -> {
                      fired.set(true);
                      connection.close();
                    },
                    patience.get().toMillis(),
                    TimeUnit.MILLISECONDS);
      }
    }

    void end() {
      if (timer != null) {
        timer.cancel(false);
      }
    }

    IOException failure(IOException e) {
      return fired.get() && patience.isPresent() ? new TimeoutException(patience.get(), e) : e;
    }
  }

  // --- connections that rest ---

  private synchronized @Nullable HttpConnection borrow(Route route) {
    reap();
    Deque<Idle> resting = idle.get(route);
    while (resting != null && !resting.isEmpty()) {
      HttpConnection connection = resting.removeLast().connection;
      if (connection.isIdle()) {
        return connection;
      }
      connection.close();
    }
    return null;
  }

  private synchronized void giveBack(Route route, HttpConnection connection) {
    reap();
    Deque<Idle> resting = idle.computeIfAbsent(route, r -> new ArrayDeque<>());
    if (closed || resting.size() >= MAX_IDLE) {
      connection.close();
      return;
    }
    resting.addLast(new Idle(connection, System.nanoTime()));
    if (!reaping) {
      reaping = true;
      Threads.timer().schedule(this::reapLater, IDLE.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private synchronized void reap() {
    long now = System.nanoTime();
    for (Iterator<Deque<Idle>> all = idle.values().iterator(); all.hasNext(); ) {
      Deque<Idle> resting = all.next();
      while (!resting.isEmpty() && now - resting.getFirst().sinceNanos > IDLE.toNanos()) {
        resting.removeFirst().connection.close();
      }
      if (resting.isEmpty()) {
        all.remove();
      }
    }
  }

  private synchronized void reapLater() {
    reap();
    reaping = !idle.isEmpty();
    if (reaping) {
      Threads.timer().schedule(this::reapLater, IDLE.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  /** Ends the connections that rest; those in use end with their answers. */
  @Override
  public synchronized void close() {
    closed = true;
    idle.values().forEach(resting -> resting.forEach(one -> one.connection.close()));
    idle.clear();
  }
}
