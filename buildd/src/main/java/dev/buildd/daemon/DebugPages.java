package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.NativeImage;
import dev.buildd.base.text.GoDuration;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.UsageRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.key.DigestNotes;
import dev.buildd.cache.remote.CacheConfig;
import dev.buildd.cache.remote.ImportedCache;
import dev.buildd.daemon.gc.Collector;
import dev.buildd.daemon.metrics.Metrics;
import dev.buildd.daemon.metrics.MetricsPage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import javax.management.JMException;
import javax.management.ObjectName;
import jdk.jfr.Configuration;
import jdk.jfr.Recording;

/**
 * The pages of the debug address. What changes something, or costs much, is done on {@code POST}
 * only. Safe for use by many threads.
 */
final class DebugPages implements AutoCloseable {
  private static final int MAX_SECONDS = 300;
  private static final long MAX_RECORDING = 128L << 20;
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String JSON = "application/json";

  /**
   * Of what pages tell.
   *
   * @param counts figures by the name they are told under
   * @param metrics the families for Prometheus, in their order
   * @param digests what digests in cache keys are of, if that is noted
   * @param keys which cache keys follow from which
   * @param calls tells of calls that go on and that have ended
   * @param events tells what of the log was no mere information lately
   */
  record Parts(
      Map<String, IntSupplier> counts,
      List<Metrics> metrics,
      CacheManager cache,
      Collector collector,
      Optional<DigestNotes> digests,
      CacheStore keys,
      Supplier<String> calls,
      Supplier<String> events) {}

  /** Something to be sent. */
  sealed interface Answer {
    int status();

    String type();
  }

  /** A page. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Page(int status, String type, byte[] body) implements Answer {
    static Page text(int status, String text) {
      return new Page(status, TEXT, text.getBytes(StandardCharsets.UTF_8));
    }
  }

  /** A file, which is deleted once it has been sent. */
  record Attachment(int status, String type, String name, Path file) implements Answer {}

  /**
   * A request.
   *
   * @param query what stands behind its question mark
   * @param json whether it asks for JSON, where there is text as well
   * @param body what comes with it
   * @param foreign whether a page of some other site makes a browser ask
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Asked(
      String method,
      String path,
      Map<String, String> query,
      boolean json,
      boolean foreign,
      byte[] body) {}

  /** Makes the answer to a request. */
  @FunctionalInterface
  private interface Maker {
    Answer make(Asked asked) throws Exception;
  }

  private record Route(String method, String help, Maker maker) {}

  private final Parts parts;
  private final SequencedMap<String, Route> routes = new LinkedHashMap<>();
  private final Semaphore recording = new Semaphore(1);
  private final FlightRecorder flight = new FlightRecorder();

  DebugPages(Parts parts) {
    this.parts = parts;
    get("/metrics", "figures for Prometheus", _ -> metrics());
    get("/debug/", "this page", _ -> Page.text(200, index()));
    get("/debug/vars", "figures of the process and of what builds hold, JSON", _ -> figures());
    get(
        "/debug/threads",
        "stacks of all threads, virtual ones too, by name",
        _ -> new Page(200, TEXT, ThreadDump.take()));
    get("/debug/pprof/goroutine", "the same", _ -> new Page(200, TEXT, ThreadDump.take()));
    get(
        "/debug/requests",
        "calls of clients that go on, and the latest that have ended, by what they took",
        _ -> Page.text(200, parts.calls.get()));
    get(
        "/debug/events",
        "the latest warnings and errors of the log",
        _ -> Page.text(200, parts.events.get()));
    get(
        "/debug/heap",
        "how many objects of each class there are, and their bytes",
        _ -> Page.text(200, histogram()));
    get(
        "/debug/cache",
        "?id=ID: the record of the cache that bears the id, JSON",
        asked -> record(asked.query.getOrDefault("id", "")));
    get(
        "/debug/cache/all",
        "what all digests in cache keys are of, and the digests in that; JSON for who accepts it",
        asked -> CacheDebugPages.all(digests(), asked.json));
    get(
        "/debug/cache/lookup",
        "?digest=DIGEST: the same of one",
        asked -> CacheDebugPages.of(digests(), asked.query.getOrDefault("digest", ""), asked.json));
    get(
        "/debug/cache/store",
        "which cache keys follow from which, and their results; JSON for who accepts it",
        asked -> CacheKeyPages.of(parts.keys, parts.digests, asked.json));
    post(
        "/debug/cache/load",
        "the same of an exported cache: its config (cacheconfig.v0) is what is posted",
        asked -> CacheKeyPages.of(imported(asked.body), parts.digests, asked.json));
    post(
        "/debug/heap/collect",
        "collects garbage of the heap now; then figures as of /debug/vars",
        _ -> {
          System.gc();
          return figures();
        });
    post(
        "/debug/gc",
        "collects garbage of the cache now, as the rules say; tells what went, JSON",
        _ -> collect());
    post(
        "/debug/jfr",
        "?seconds=N (30): what the JVM does from now on for so long, a recording of JFR",
        asked -> record(seconds(asked.query)));
    get(
        "/debug/flight/trace",
        "what the JVM has done lately, a recording of JFR; once the flight recorder is started",
        _ -> flown());
    post(
        "/debug/flight/trace/start",
        "starts the flight recorder",
        _ -> {
          wantsJvm("a flight recorder");
          flight.start();
          return Page.text(200, "");
        });
    post(
        "/debug/flight/trace/stop",
        "stops it",
        _ -> {
          flight.stop();
          return Page.text(200, "");
        });
    post(
        "/debug/flight/trace/set_period",
        "?period=DURATION (10s): how far back it reaches, before it is started",
        asked -> {
          flight.setPeriod(
              Duration.ofNanos(GoDuration.parse(asked.query.getOrDefault("period", ""))));
          return Page.text(200, "");
        });
  }

  private static CacheStore imported(byte[] config) {
    return new ImportedCache("posted", CacheConfig.parse(config)).keys();
  }

  private Attachment flown() throws IOException {
    return new Attachment(200, "application/octet-stream", "trace.jfr", flight.dump());
  }

  /** Ends what goes on by itself. */
  @Override
  public void close() {
    flight.close();
  }

  private void get(String path, String help, Maker maker) {
    routes.put(path, new Route("GET", help, maker));
  }

  private void post(String path, String help, Maker maker) {
    routes.put(path, new Route("POST", help, maker));
  }

  /** Answers a request. */
  Answer answer(Asked asked) throws InterruptedException {
    String path = asked.path;
    Route route = routes.get(path.equals("/debug") ? "/debug/" : path);
    if (route == null) {
      return Page.text(404, "not found: " + path + "; /debug/ lists what there is\n");
    }
    if (!route.method.equals(asked.method)) {
      return Page.text(405, path + " is asked for by " + route.method + "\n");
    }
    if (asked.foreign) {
      return Page.text(403, "not for pages of other sites\n");
    }
    try {
      return route.maker.make(asked);
    } catch (InterruptedException e) {
      throw e;
    } catch (BuildException e) {
      int status =
          switch (e.category()) {
            case INVALID_ARGUMENT -> 400;
            case NOT_FOUND -> 404;
            case ALREADY_EXISTS -> 409;
            case FAILED_PRECONDITION -> 412;
            case RESOURCE_EXHAUSTED -> 429;
            case UNIMPLEMENTED -> 501;
            default -> 500;
          };
      return Page.text(status, e.getMessage() + "\n");
    } catch (Exception e) {
      return Page.text(500, path + ": " + e + "\n");
    }
  }

  private String index() {
    StringBuilder out = new StringBuilder();
    routes.forEach((path, route) ->
        out.append(String.format("%-4s %-30s %s%n", route.method, path, route.help)));
    return out.toString();
  }

  private DigestNotes digests() {
    return parts.digests.orElseThrow(() ->
        BuildException.notFound(
            "it was not noted what digests are of: start the daemon with --save-cache-debug"));
  }

  private Page metrics() {
    MetricsPage page = new MetricsPage();
    parts.metrics.forEach(metrics -> metrics.tell(page));
    return new Page(200, MetricsPage.TYPE, page.text().getBytes(StandardCharsets.UTF_8));
  }

  static Page json(Object value) {
    byte[] text =
        (new String(Json.bytes(value), StandardCharsets.UTF_8) + "\n")
            .getBytes(StandardCharsets.UTF_8);
    return new Page(200, JSON, text);
  }

  private Page figures() {
    MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("heapUsed", heap.getUsed());
    out.put("heapCommitted", heap.getCommitted());
    out.put("threads", ManagementFactory.getThreadMXBean().getThreadCount());
    parts.counts.forEach((name, count) -> out.put(name, count.getAsInt()));
    return json(out);
  }

  /** Garbage is counted too: without it a collection would stop builds. */
  private static String histogram() throws JMException {
    wantsJvm("a histogram of the heap");
    Object[] arguments = {new String[] {"-all"}};
    String[] types = {String[].class.getName()};
    return (String)
        ManagementFactory.getPlatformMBeanServer()
            .invoke(
                new ObjectName("com.sun.management:type=DiagnosticCommand"),
                "gcClassHistogram",
                arguments,
                types);
  }

  private static void wantsJvm(String what) {
    if (NativeImage.BUILT) {
      throw new BuildException(
          Category.UNIMPLEMENTED,
          what
              + " is the JVM's to give: this is the native executable; start without"
              + " BUILDD_NATIVE");
    }
  }

  private Page record(String id) {
    if (id.isEmpty()) {
      throw BuildException.invalid("which record? Say ?id=ID; buildctl du lists them");
    }
    List<UsageRecord> found = parts.cache.diskUsage(record -> record.id().equals(id));
    if (found.isEmpty()) {
      throw BuildException.notFound("no record of the cache has the id " + id);
    }
    UsageRecord record = found.getFirst();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("id", record.id());
    out.put("parents", record.parents());
    out.put("type", record.recordType());
    out.put("description", record.description());
    out.put("bytes", record.size());
    out.put("mutable", record.mutable());
    out.put("inUse", record.inUse());
    out.put("shared", record.shared());
    out.put("createdAt", record.createdAt().toString());
    record.lastUsedAt().ifPresent(at -> out.put("lastUsedAt", at.toString()));
    out.put("usageCount", record.usageCount());
    return json(out);
  }

  private Page collect() {
    long begun = System.nanoTime();
    Collector.Collected done = parts.collector.collectNow();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("records", done.records());
    out.put("bytes", done.bytes());
    out.put("ms", TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun));
    return json(out);
  }

  private static int seconds(Map<String, String> query) {
    String text = query.getOrDefault("seconds", "30");
    try {
      int seconds = Integer.parseInt(text);
      if (seconds >= 1 && seconds <= MAX_SECONDS) {
        return seconds;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw BuildException.invalid("seconds is a number from 1 to " + MAX_SECONDS + ", not " + text);
  }

  private Attachment record(int seconds) throws Exception {
    wantsJvm("a recording of JFR");
    if (!recording.tryAcquire()) {
      throw new BuildException(Category.RESOURCE_EXHAUSTED, "a recording is under way already");
    }
    Optional<Path> made = Optional.empty();
    boolean done = false;
    try (Recording recorder = new Recording(Configuration.getConfiguration("profile"))) {
      recorder.setMaxSize(MAX_RECORDING);
      recorder.start();
      TimeUnit.SECONDS.sleep(seconds);
      recorder.stop();
      Path file = Files.createTempFile("buildd", ".jfr");
      made = Optional.of(file);
      recorder.dump(file);
      done = true;
      return new Attachment(200, "application/octet-stream", "buildd.jfr", file);
    } finally {
      recording.release();
      if (!done && made.isPresent()) {
        Files.deleteIfExists(made.get());
      }
    }
  }
}
