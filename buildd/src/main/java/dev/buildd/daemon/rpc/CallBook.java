package dev.buildd.daemon.rpc;

import dev.buildd.solver.source.RedactedUrl;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The calls of clients that go on, and of those that have ended how long they took, with some of
 * the latest: for the debug address. Of each method there are as many as a page can show.
 *
 * <p>Safe for use by many threads.
 */
public final class CallBook {
  private static final int KEPT = 10;
  private static final int MAX_TEXT = 300;

  /** From where on calls are told apart by what they took, in milliseconds. */
  private static final int[] BOUNDS = {0, 50, 100, 200, 500, 1_000, 10_000, 100_000};

  /** A call that goes on. Equal to itself alone. */
  static final class Call {
    private final String method;
    private final Instant begun = Instant.now();
    private final long begunNanos = System.nanoTime();

    private Call(String method) {
      this.method = method;
    }

    private Duration took() {
      return Duration.ofNanos(System.nanoTime() - begunNanos);
    }
  }

  private record Ended(Instant begun, Duration took, String how) {}

  private static final class Method {
    final Set<Call> running = new LinkedHashSet<>();
    final long[] counts = new long[BOUNDS.length];
    final SortedMap<Integer, Deque<Ended>> latest = new TreeMap<>(); // by the index of the bound
    final Deque<Ended> failed = new ArrayDeque<>();
    long failures;
  }

  private final SortedMap<String, Method> methods = new TreeMap<>(); // guarded by this

  /** Notes that a call has begun. */
  synchronized Call begin(String method) {
    Call call = new Call(method);
    methods.computeIfAbsent(method, _ -> new Method()).running.add(call);
    return call;
  }

  /**
   * Notes that it has ended.
   *
   * @param code of its status
   * @param text what is said beside it, may be empty
   */
  void end(Call call, io.grpc.Status.Code code, String text) {
    Duration took = call.took();
    String first = RedactedUrl.within(text).lines().findFirst().orElse("");
    String how =
        (code + " " + first.substring(0, Math.min(first.length(), MAX_TEXT))).stripTrailing();
    Ended ended = new Ended(call.begun, took, how);
    int bound = Arrays.binarySearch(BOUNDS, (int) Math.min(took.toMillis(), Integer.MAX_VALUE));
    bound = bound < 0 ? -bound - 2 : bound;
    synchronized (this) {
      Method method = methods.get(call.method);
      if (method == null || !method.running.remove(call)) {
        return;
      }
      method.counts[bound]++;
      keep(ended, method.latest.computeIfAbsent(bound, _ -> new ArrayDeque<>()));
      if (code != io.grpc.Status.Code.OK) {
        method.failures++;
        keep(ended, method.failed);
      }
    }
  }

  private static void keep(Ended ended, Deque<Ended> latest) {
    latest.addFirst(ended);
    if (latest.size() > KEPT) {
      latest.removeLast();
    }
  }

  /** All of it, as text. */
  public synchronized String page() {
    StringBuilder out = new StringBuilder();
    methods.forEach((name, method) -> {
      out.append(name).append('\n');
      out.append("  running: ").append(method.running.size()).append('\n');
      for (Call call : method.running) {
        out.append(line(call.begun, call.took(), ""));
      }
      out.append("  ended: ").append(Arrays.stream(method.counts).sum()).append('\n');
      method.latest.forEach((bound, latest) -> {
        out.append(
            String.format(
                Locale.ROOT,
                "  from %ss: %d%s%n",
                seconds(Duration.ofMillis(BOUNDS[bound])),
                method.counts[bound],
                method.counts[bound] > KEPT ? ", the latest of them" : ""));
        latest.forEach(one -> out.append(line(one.begun, one.took, one.how)));
      });
      if (method.failures > 0) {
        out.append("  not OK: ").append(method.failures);
        out.append(method.failures > KEPT ? ", the latest of them\n" : "\n");
        method.failed.forEach(one -> out.append(line(one.begun, one.took, one.how)));
      }
      out.append('\n');
    });
    return out.isEmpty() ? "no calls yet\n" : out.toString();
  }

  private static String line(Instant begun, Duration took, String how) {
    return String.format(Locale.ROOT, "    %s %ss %s", begun, seconds(took), how).stripTrailing()
        + "\n";
  }

  private static String seconds(Duration time) {
    return String.format(Locale.ROOT, "%.3f", time.toNanos() / 1e9);
  }
}
