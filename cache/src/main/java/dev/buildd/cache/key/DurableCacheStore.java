package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.key.CacheGraph.Journal;
import dev.buildd.cache.key.CacheGraph.Link;
import dev.buildd.cache.key.CacheGraph.Named;
import dev.buildd.cache.key.CacheGraph.Saved;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * Cache keys on disk. All is held in memory for reading. Rows are named by sequential numbers, and
 * a key's own name, usually a digest, is written once: a step costs about 200 bytes.
 */
public final class DurableCacheStore implements CacheStore {
  private static final String KEYS = "key";
  private static final String LINKS = "key.link2";
  private static final String RECORDS = "key.record";

  private static final int TEXT = 0;
  private static final int SHA256 = 1;

  private final String id;
  private final MetadataStore store;
  private final Clock clock;
  private final CacheGraph graph; // guarded by this

  public DurableCacheStore(String id, MetadataStore store, Clock clock) {
    this.id = id;
    this.store = store;
    this.clock = clock;
    this.graph = load(id, store);
  }

  private static CacheGraph load(String id, MetadataStore store) {
    CacheGraph graph = new CacheGraph(id);
    Map<Long, Named> keys = new HashMap<>();
    store
        .scan(KEYS, "")
        .forEach((row, value) ->
            keys.put(
                number(row),
                graph.restoreKey(number(row), new CacheKeyId(name(new Decoder(value))))));
    store
        .scan(LINKS, "")
        .forEach((row, value) -> {
          Decoder in = new Decoder(value);
          Named from = keys.get(in.number());
          Named to = keys.get(in.number());
          CacheLink link =
              new CacheLink(
                  (int) in.number(),
                  new CacheKeyId(name(in)),
                  in.flag() ? Optional.of(Digest.parse(name(in))) : Optional.empty());
          if (from != null && to != null) {
            graph.restoreLink(number(row), from, link, to);
          }
        });
    store
        .scan(RECORDS, "")
        .forEach((row, value) -> {
          Decoder in = new Decoder(value);
          Named key = keys.get(in.number());
          String resultId = in.text();
          if (key != null) {
            graph.restoreRecord(number(row), key, resultId, Instant.ofEpochMilli(in.number()));
          }
        });
    return graph;
  }

  private static long number(String row) {
    return Long.parseLong(row, 36);
  }

  private static String row(long number) {
    // of one length, so that rows sort by their numbers
    String text = Long.toString(number, 36);
    return "0".repeat(Math.max(0, 8 - text.length())) + text;
  }

  private static void name(Encoder out, String name) {
    if (name.length() == 71 && name.startsWith("sha256:")) {
      try {
        byte[] raw = HexFormat.of().parseHex(name, 7, 71);
        if (Digest.ofHash(raw).toString().equals(name)) {
          out.oneByte(SHA256).raw(raw);
          return;
        }
      } catch (IllegalArgumentException | BuildException e) {
        // not a digest after all
      }
    }
    out.oneByte(TEXT).text(name);
  }

  private static String name(Decoder in) {
    return in.oneByte() == SHA256 ? Digest.ofHash(in.raw(32)).toString() : in.text();
  }

  /** Writes rows into a batch. */
  private record Rows(MetadataStore.Batch batch) implements Journal {
    @Override
    public void keyAdded(Named key) {
      Encoder out = new Encoder();
      name(out, key.id.value());
      batch.put(KEYS, row(key.number), out.toBytes());
    }

    @Override
    public void keyRemoved(Named key) {
      batch.delete(KEYS, row(key.number));
    }

    @Override
    public void linkAdded(Link added) {
      CacheLink link = added.link;
      Encoder out = new Encoder().number(added.from.number).number(added.to.number);
      out.number(link.input());
      name(out, link.step().value());
      out.flag(link.selector().isPresent());
      link.selector().ifPresent(selector -> name(out, selector.toString()));
      batch.put(LINKS, row(added.number), out.toBytes());
    }

    @Override
    public void linkRemoved(Link link) {
      batch.delete(LINKS, row(link.number));
    }

    @Override
    public void recordAdded(Saved saved) {
      batch.put(
          RECORDS,
          row(saved.number()),
          new Encoder()
              .number(saved.key().number)
              .text(saved.resultId())
              .number(saved.createdAt().toEpochMilli())
              .toBytes());
    }

    @Override
    public void recordRemoved(Saved saved) {
      batch.delete(RECORDS, row(saved.number()));
    }
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public synchronized boolean exists(CacheKeyId key) {
    return graph.exists(key);
  }

  @Override
  public synchronized Set<CacheKeyId> follow(CacheKeyId from, CacheLink link) {
    return graph.follow(from, link);
  }

  @Override
  public synchronized void link(CacheKeyId from, CacheLink link, CacheKeyId to) {
    MetadataStore.Batch batch = store.batch();
    graph.link(from, link, to, new Rows(batch));
    batch.commitLater();
  }

  @Override
  public synchronized List<CacheRecord> records(CacheKeyId key) {
    return graph.records(key);
  }

  @Override
  public void save(CacheKeyId key, String resultId) {
    save(key, resultId, clock.instant());
  }

  @Override
  public void save(CacheKeyId key, String resultId, Instant createdAt) {
    MetadataStore.Commit commit;
    boolean known;
    synchronized (this) {
      MetadataStore.Batch batch = store.batch();
      graph.save(key, resultId, createdAt.truncatedTo(ChronoUnit.MILLIS), new Rows(batch));
      known = batch.isEmpty();
      commit = batch.commitLater();
    }
    if (known) {
      store.flush(); // it may be known from someone who still waits for it, or follow new links
    }
    commit.await();
  }

  @Override
  public void release(String resultId) {
    MetadataStore.Commit commit;
    synchronized (this) {
      MetadataStore.Batch batch = store.batch();
      graph.release(resultId, new Rows(batch));
      commit = batch.commitLater();
    }
    commit.await();
  }

  @Override
  public synchronized Set<CacheKeyId> keysOf(String resultId) {
    return graph.keysOf(resultId);
  }

  @Override
  public void backlinks(CacheKeyId key, BiConsumer<CacheKeyId, CacheLink> reader) {
    List<Link> links;
    synchronized (this) {
      links = graph.linksTo(key);
    }
    CacheGraph.visit(links, reader);
  }

  @Override
  public synchronized Set<String> results() {
    return graph.results();
  }
}
