package dev.buildd.cache.remote;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Gathers what of a store leads to some keys, as a document that other daemons understand. Results
 * of steps without inputs are left out: they are clients' directories, images, and others' files,
 * which can be had where they came from. Used by one thread.
 */
public final class CacheCollector {
  private final CacheStore store;
  private final Results results;
  private final Map<CacheKeyId, Step> steps = new LinkedHashMap<>();

  /** Tells of results as layers. */
  public interface Results {
    /** The blobs of a record's result, lowest first; empty if it is not to be exported. */
    Optional<List<Digest>> layers(CacheRecord record) throws Exception;
  }

  private record Source(CacheKeyId from, String selector) {}

  /** One step's output: what it is, and for each input where that may come from. */
  private static final class Step {
    final CacheKeyId key;
    final SortedMap<Integer, Set<Source>> inputs = new TreeMap<>();
    final Digest digest;
    boolean usable;
    int index = -1;

    Step(CacheKeyId key, Digest digest) {
      this.key = key;
      this.digest = digest;
    }
  }

  public CacheCollector(CacheStore store, Results results) {
    this.store = store;
    this.results = results;
  }

  /** Adds a key and all that leads to it. */
  public void add(CacheKeyId start) {
    List<CacheKeyId> pending = new ArrayList<>(List.of(start));
    while (!pending.isEmpty()) {
      CacheKeyId key = pending.removeLast();
      if (steps.containsKey(key)) {
        continue;
      }
      Map<CacheKeyId, List<Map.Entry<CacheKeyId, CacheLink>>> byStep = new HashMap<>();
      store.backlinks(
          key,
          (from, link) ->
              byStep
                  .computeIfAbsent(link.step(), s -> new ArrayList<>())
                  .add(Map.entry(from, link)));
      Optional<Digest> digest = digest(byStep.isEmpty() ? key : byStep.keySet().iterator().next());
      if (digest.isEmpty()) {
        continue; // it means nothing beyond this daemon
      }
      Step step = new Step(key, digest.get());
      steps.put(key, step);
      byStep.values().stream()
          .flatMap(List::stream)
          .forEach(entry -> {
            CacheLink link = entry.getValue();
            step.inputs
                .computeIfAbsent(link.input(), i -> new LinkedHashSet<>())
                .add(new Source(entry.getKey(), link.selector().map(Digest::toString).orElse("")));
            pending.add(entry.getKey());
          });
    }
  }

  private static Optional<Digest> digest(CacheKeyId key) {
    return key.value().startsWith("sha256:")
        ? Optional.of(Digest.parse(key.value()))
        : Optional.empty();
  }

  /** The document, sorted. Without any layer it is of no use to anybody. */
  public CacheConfig config() throws Exception {
    findUsable();
    Map<List<Digest>, Integer> chains = new HashMap<>();
    List<CacheConfig.Layer> layers = new ArrayList<>();
    List<Step> order = new ArrayList<>();
    for (Step step : steps.values()) {
      if (step.usable) {
        step.index = order.size();
        order.add(step);
      }
    }
    List<CacheConfig.Step> records = new ArrayList<>();
    for (Step step : order) {
      List<List<CacheConfig.Input>> inputs = new ArrayList<>();
      for (Set<Source> sources : step.inputs.values()) {
        List<CacheConfig.Input> some = new ArrayList<>();
        for (Source source : sources) {
          Step from = steps.get(source.from);
          if (from != null && from.usable) {
            some.add(new CacheConfig.Input(source.selector, from.index));
          }
        }
        inputs.add(some);
      }
      List<CacheConfig.Result> results =
          inputs.isEmpty() ? List.of() : results(step, layers, chains);
      records.add(new CacheConfig.Step(step.digest, results, inputs));
    }
    return new CacheConfig(layers, records).sorted();
  }

  /** A step counts only if each of its inputs can be told. */
  private void findUsable() {
    List<Step> earliestFirst = List.copyOf(steps.values()).reversed(); // mostly
    boolean changed = true;
    while (changed) {
      changed = false;
      for (Step step : earliestFirst) {
        if (!step.usable && isUsable(step)) {
          step.usable = true;
          changed = true;
        }
      }
    }
  }

  private boolean isUsable(Step step) {
    int expected = 0;
    for (Map.Entry<Integer, Set<Source>> input : step.inputs.entrySet()) {
      if (input.getKey() != expected++
          || input.getValue().stream()
              .noneMatch(source -> {
                Step from = steps.get(source.from);
                return from != null && from.usable;
              })) {
        return false;
      }
    }
    return true;
  }

  private List<CacheConfig.Result> results(
      Step step, List<CacheConfig.Layer> layers, Map<List<Digest>, Integer> chains)
      throws Exception {
    for (CacheRecord record : store.records(step.key)) {
      Optional<List<Digest>> blobs = results.layers(record);
      if (blobs.isPresent() && !blobs.get().isEmpty()) {
        List<Integer> indexes = new ArrayList<>();
        for (int i = 1; i <= blobs.get().size(); i++) {
          List<Digest> chain = List.copyOf(blobs.get().subList(0, i));
          Integer known = chains.get(chain);
          if (known == null) {
            known = layers.size();
            chains.put(chain, known);
            layers.add(
                new CacheConfig.Layer(chain.getLast(), indexes.isEmpty() ? -1 : indexes.getLast()));
          }
          indexes.add(known);
        }
        return List.of(new CacheConfig.Result(indexes, false, record.createdAt()));
      }
    }
    return List.of();
  }
}
