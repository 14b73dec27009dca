package dev.buildd.solver.remote;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.remote.ImportedCache;
import dev.buildd.session.SessionGroup;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.ops.RefResult;
import dev.buildd.solver.source.image.LayerPuller;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A cache read from a registry, whose layers are fetched when one of its results is wanted. */
final class ImportedSource implements CacheSource {
  private final ImportedCache cache;
  private final Map<Digest, Layer> layers;
  private final LayerPuller puller;
  private final LayerPuller.Origin origin;
  private final SessionGroup sessions;

  /** A blob of the cache. */
  record Layer(Descriptor descriptor, Digest diffId, LayerPuller.History history) {}

  ImportedSource(
      ImportedCache cache,
      Map<Digest, Layer> layers,
      LayerPuller puller,
      LayerPuller.Origin origin,
      SessionGroup sessions) {
    this.cache = cache;
    this.layers = Map.copyOf(layers);
    this.puller = puller;
    this.origin = origin;
    this.sessions = sessions;
  }

  @Override
  public String id() {
    return cache.keys().id();
  }

  @Override
  public String name() {
    return origin.name();
  }

  @Override
  public CacheStore keys() {
    return cache.keys();
  }

  @Override
  public SharedResult load(CacheRecord record, OpContext context, boolean used) throws Exception {
    List<Descriptor> blobs = new ArrayList<>();
    List<Digest> diffIds = new ArrayList<>();
    List<LayerPuller.History> histories = new ArrayList<>();
    for (Digest blob : cache.layers(record.resultId())) {
      Layer layer = layers.get(blob);
      if (layer == null) {
        throw BuildException.notFound("imported cache lacks layer " + blob);
      }
      blobs.add(layer.descriptor());
      diffIds.add(layer.diffId());
      histories.add(layer.history());
    }
    if (blobs.isEmpty()) {
      throw BuildException.notFound("imported cache has no layers for " + record.key());
    }
    return RefResult.of(
        puller.pull(
            LayerPuller.Pull.of(origin, blobs, diffIds, "", sessions, context.progress())
                .withHistories(histories)),
        used);
  }

  @Override
  public void adopt(CacheRecord record, SharedResult loaded, CacheStore main) {
    Set<CacheKeyId> copied = cache.copyTo(main, record.key());
    main.save(record.key(), loaded.id(), record.createdAt());
    ImmutableRef ref = RefResult.refOf(loaded).orElse(null);
    if (ref == null) {
      return;
    }
    // the layers below are results of earlier steps, and here now too
    List<Digest> blobs = cache.layers(record.resultId());
    List<ImmutableRef> chain = ref.layerChain();
    for (CacheKeyId key : copied) {
      for (CacheRecord earlier : cache.keys().records(key)) {
        List<Digest> below = cache.layers(earlier.resultId());
        if (below.size() < chain.size()
            && chain.size() == blobs.size()
            && below.equals(blobs.subList(0, below.size()))) {
          main.save(key, chain.get(below.size() - 1).id(), earlier.createdAt());
        }
      }
    }
    chain.forEach(ImmutableRef::close);
  }
}
