package dev.buildd.cache;

import dev.buildd.base.concurrent.KeyedFlights;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;

/**
 * Makes the files of lazy refs when they are wanted: those of a layer from its blob, those of a
 * merge or a diff from what it was made of. Blobs are fetched side by side and unpacked in order;
 * what several want at once is made once.
 */
final class LazyRefs {
  private final CacheManager manager;
  private final KeyedFlights<String, Boolean> flights = new KeyedFlights<>("files of ref");

  LazyRefs(CacheManager manager) {
    this.manager = manager;
  }

  /** Makes the entry's files, and those of all that it lies on. Its holder waits. */
  void bring(RefRecord wanted, LayerProvider provider) throws Exception {
    Collection<RefRecord> all = lazyFrom(wanted);
    if (all.isEmpty()) {
      return;
    }
    CountDownLatch done = new CountDownLatch(1);
    try (Scope scope = Scope.open("files of ref " + wanted.id)) {
      for (RefRecord entry : layers(all)) {
        scope.fork(
            "layer of ref " + entry.id,
            () -> {
              try (AutoCloseable _ = fetch(entry, provider)) {
                done.await(); // kept until it is unpacked
              }
            });
      }
      for (RefRecord entry : all) {
        once(entry, provider);
      }
      done.countDown();
    }
  }

  private void once(RefRecord entry, LayerProvider provider) throws Exception {
    flights.join(
        entry.id,
        () -> {
          if (entry.isLazy()) {
            make(entry, provider);
          }
          return true;
        });
  }

  private void make(RefRecord entry, LayerProvider provider) throws Exception {
    if (entry.kind != RefRecord.Kind.LAYER) {
      manager.derive(entry);
      return;
    }
    LayerBlob blob = blob(entry);
    Optional<ImmutableRef> parent =
        entry.parents.stream().findFirst().map(below -> manager.hold(below, provider));
    try (AutoCloseable _ = provider.fetch(blob);
        MutableRef files = manager.newMutable(parent, RefOptions.of(entry.description))) {
      provider.unpack(blob, files.mounts());
      manager.adopt(entry, files);
    } finally {
      parent.ifPresent(ImmutableRef::close);
    }
  }

  /**
   * Asks whether all blobs can be had that the files would be made from.
   *
   * @throws BuildException {@code NOT_FOUND} names one that cannot
   */
  void check(RefRecord wanted, LayerProvider provider) throws Exception {
    List<Callable<Boolean>> questions = new ArrayList<>();
    for (RefRecord entry : layers(lazyFrom(wanted))) {
      questions.add(() -> {
        LayerBlob blob = blob(entry);
        if (!provider.has(blob)) {
          throw BuildException.notFound("layer " + blob.descriptor().digest() + ": not found");
        }
        return true;
      });
    }
    if (!questions.isEmpty()) {
      Scope.all("layers of ref " + wanted.id, questions);
    }
  }

  AutoCloseable fetch(RefRecord layer, LayerProvider provider) throws Exception {
    return provider.fetch(blob(layer));
  }

  private LayerBlob blob(RefRecord layer) {
    return manager
        .table()
        .value(layer, LayerBlob.VALUE)
        .map(LayerBlob::of)
        .orElseThrow(() ->
            BuildException.notFound("the layer of ref " + layer.id + " is not known any more"));
  }

  private static List<RefRecord> layers(Collection<RefRecord> entries) {
    return entries.stream().filter(entry -> entry.kind == RefRecord.Kind.LAYER).toList();
  }

  /** The lazy ones of an entry and all it lies on, parents before children. */
  private static Collection<RefRecord> lazyFrom(RefRecord wanted) {
    Deque<RefRecord> pending = new ArrayDeque<>();
    if (wanted.isLazy()) {
      pending.push(wanted);
    }
    Set<RefRecord> out = new LinkedHashSet<>();
    while (!pending.isEmpty()) {
      RefRecord next = pending.peek();
      int before = pending.size();
      for (RefRecord parent : next.parents) {
        if (parent.isLazy() && !out.contains(parent)) {
          pending.push(parent);
        }
      }
      if (pending.size() == before) {
        out.add(pending.pop());
      }
    }
    return out;
  }
}
