package dev.buildd.solver.remote;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlob;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.LayerProvider;
import dev.buildd.cache.LazyBlobs;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.remote.CacheCollector;
import dev.buildd.cache.remote.CacheConfig;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.session.content.RemoteContent;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.solver.exporter.LocalExporter;
import dev.buildd.solver.exporter.image.ClientCopy;
import dev.buildd.solver.exporter.image.ImageJson;
import dev.buildd.solver.exporter.image.LayerTypes;
import dev.buildd.solver.exporter.image.RegistryPush;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.ops.RefResult;
import dev.buildd.solver.source.image.LayerPuller;
import dev.buildd.solver.source.image.SessionCredentials;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Takes builds' caches out of the daemon: to registries, and into the configs of images. Safe for
 * use by many threads.
 */
public final class CacheExports {
  private static final String DIFF_ID = "containerd.io/uncompressed";
  private static final String CREATED_AT = "buildkit/createdat";

  private final CacheStore keys;
  private final CacheManager cache;
  private final LayerBlobs blobs;
  private final ContentStore content;
  private final LeaseManager leases;
  private final RegistryClient registries;
  private final SessionManager sessions;
  private final LayerPuller puller;

  public CacheExports(
      CacheStore keys,
      CacheManager cache,
      LayerBlobs blobs,
      ContentStore content,
      LeaseManager leases,
      RegistryClient registries,
      SessionManager sessions,
      LayerPuller puller) {
    this.keys = keys;
    this.cache = cache;
    this.blobs = blobs;
    this.content = content;
    this.leases = leases;
    this.registries = registries;
    this.sessions = sessions;
    this.puller = puller;
  }

  /**
   * Exports what leads to some results.
   *
   * @return what the client is told
   */
  public Map<String, String> to(
      CacheExportOptions options, List<CacheKeyId> results, String session, VertexProgress progress)
      throws Exception {
    try (LazyBlobs lazy = new LazyBlobs()) {
      return to(options, results, session, lazy, progress);
    }
  }

  private Map<String, String> to(
      CacheExportOptions options,
      List<CacheKeyId> results,
      String session,
      LazyBlobs lazy,
      VertexProgress progress)
      throws Exception {
    Layers layers = new Layers(puller.provider(SessionGroup.of(sessions, session), progress));
    CacheConfig config;
    try (VertexProgress.Part part = progress.part("preparing build cache for export")) {
      config =
          collected(
              results,
              record ->
                  layers.of(
                      record,
                      layer ->
                          options.all() || results.contains(record.key())
                              ? Optional.of(blobs.blob(layer, options.layers(), lazy))
                              : blobs.existing(layer, lazy)));
      part.update("", 0, 0);
    }
    if (config.layers().isEmpty()) {
      progress.part("skipping cache export for empty result").close();
      return Map.of();
    }
    List<LeaseManager.Lease> holds = new ArrayList<>();
    try (VertexProgress.Part part = progress.part("sending cache export")) {
      Descriptor root = manifest(options, config, layers.descriptors, holds);
      send(options.target(), root, session, lazy, progress);
      part.update("", 0, 0);
      return Map.of(
          "cache.manifest",
          new String(Json.bytes(ImageJson.descriptor(root)), StandardCharsets.UTF_8));
    } finally {
      holds.forEach(LeaseManager.Lease::close);
    }
  }

  private void send(
      CacheExportOptions.Target target,
      Descriptor root,
      String session,
      LazyBlobs lazy,
      VertexProgress progress)
      throws Exception {
    switch (target) {
      case CacheExportOptions.Target.Registry(ImageReference reference, boolean insecure) ->
          RegistryPush.push(
              registries,
              reference,
              new SessionCredentials(SessionGroup.of(sessions, session)),
              insecure,
              content,
              blobs,
              lazy,
              root,
              progress);
      case CacheExportOptions.Target.Client(String store) -> {
        lazy.fetchAll();
        ClientCopy.copy(
            content,
            new RemoteContent(sessions.await(session, LocalExporter.PATIENCE), store),
            root);
      }
    }
  }

  private CacheConfig collected(List<CacheKeyId> results, CacheCollector.Results layers)
      throws Exception {
    CacheCollector collector = new CacheCollector(keys, layers);
    results.forEach(collector::add);
    return collector.config();
  }

  /** Finds or makes the archive of a layer. */
  private interface Archives {
    Optional<LayerBlob> of(ImmutableRef layer) throws Exception;
  }

  /** The layers of one export's results, each of which is looked up once. For one thread. */
  private final class Layers {
    final Map<Digest, Descriptor> descriptors = new HashMap<>();
    private final LayerProvider provider;
    private final Map<String, Digest> known = new HashMap<>(); // by the refs' ids

    Layers(LayerProvider provider) {
      this.provider = provider;
    }

    /** A recorded result's layers, unless there is one without an archive. */
    Optional<List<Digest>> of(CacheRecord record, Archives archives) throws Exception {
      if (record.resultId().equals(RefResult.SCRATCH)) {
        return Optional.empty();
      }
      try (ImmutableRef ref = cache.get(record.resultId(), provider)) {
        List<ImmutableRef> chain = ref.layerChain();
        try {
          List<Digest> out = new ArrayList<>();
          for (ImmutableRef layer : chain) {
            Digest digest = known.get(layer.id());
            if (digest == null) {
              Optional<LayerBlob> blob = archives.of(layer);
              if (blob.isEmpty()) {
                return Optional.empty();
              }
              digest = blob.get().descriptor().digest();
              descriptors.put(digest, described(blob.get(), layer));
              known.put(layer.id(), digest);
            }
            out.add(digest);
          }
          return Optional.of(out);
        } finally {
          chain.forEach(ImmutableRef::close);
        }
      } catch (BuildException e) {
        if (e.category() == Category.NOT_FOUND || e.category() == Category.FAILED_PRECONDITION) {
          return Optional.empty(); // pruned meanwhile, or being written to
        }
        throw e;
      }
    }
  }

  private static Descriptor described(LayerBlob blob, ImmutableRef layer) {
    Map<String, String> annotations = new TreeMap<>(blob.shownAnnotations());
    annotations.put(DIFF_ID, blob.diffId().toString());
    annotations.put(CREATED_AT, layer.createdAt().toString());
    Descriptor plain = blob.descriptor();
    return new Descriptor(
        plain.mediaType(), plain.digest(), plain.size(), Optional.empty(), annotations, List.of());
  }

  /** Puts the documents of a cache into the content store. */
  private Descriptor manifest(
      CacheExportOptions options,
      CacheConfig config,
      Map<Digest, Descriptor> descriptors,
      List<LeaseManager.Lease> holds) {
    byte[] document = config.toBytes();
    Descriptor configDescriptor =
        Descriptor.of(CacheConfig.MEDIA_TYPE, Digest.of(document), document.length);
    List<Descriptor> layers = new ArrayList<>();
    for (CacheConfig.Layer layer : config.layers()) {
      Descriptor one = descriptors.get(layer.blob());
      if (one == null) {
        throw new IllegalStateException("layer without a descriptor: " + layer.blob());
      }
      holds.add(leases.hold(layer.blob()));
      layers.add(
          new Descriptor(
              LayerTypes.of(one.mediaType(), options.ociTypes(), false),
              one.digest(),
              one.size(),
              Optional.empty(),
              one.annotations(),
              List.of()));
    }
    String type;
    Map<String, Object> json;
    if (options.imageManifest()) {
      type = MediaType.OCI_MANIFEST;
      json = ImageJson.manifest(type, configDescriptor, layers, new TreeMap<>());
    } else {
      type = options.ociTypes() ? MediaType.OCI_INDEX : MediaType.DOCKER_INDEX;
      layers.add(configDescriptor);
      json = ImageJson.index(type, layers, new TreeMap<>());
    }
    byte[] bytes = Json.bytes(json);
    holds.add(leases.hold(configDescriptor.digest()));
    content.put(document);
    Digest digest = Digest.of(bytes);
    holds.add(leases.hold(digest));
    content.put(bytes);
    return Descriptor.of(type, digest, bytes.length);
  }

  /**
   * What an image says of how it was made, for builds elsewhere to use its layers.
   *
   * @param result the image's files
   * @param image the layers that the image's were made of, lowest first
   * @return empty if nothing could be used
   */
  public Optional<byte[]> inline(CacheKeyId result, List<LayerBlob> image) throws Exception {
    List<Digest> places = image.stream().map(layer -> layer.descriptor().digest()).toList();
    Set<Digest> known = Set.copyOf(places);
    Layers layers = new Layers(LayerProvider.NONE);
    CacheConfig config =
        collected(List.of(result), record -> layers.of(record, layer -> blobs.oneOf(known, layer)));
    if (config.layers().isEmpty()) {
      return Optional.empty();
    }
    List<CacheConfig.Step> steps = new ArrayList<>();
    for (CacheConfig.Step step : config.records()) {
      List<CacheConfig.Result> results = new ArrayList<>();
      for (CacheConfig.Result old : step.results()) {
        List<Digest> digests =
            old.layers().stream().map(layer -> config.layers().get(layer).blob()).toList();
        boolean chained =
            !places.subList(0, Math.min(digests.size(), places.size())).equals(digests);
        List<Integer> at = new ArrayList<>();
        for (int i = 0; i < digests.size(); i++) {
          at.add(chained ? places.indexOf(digests.get(i)) : i);
        }
        results.add(new CacheConfig.Result(at, chained, old.createdAt()));
      }
      steps.add(new CacheConfig.Step(step.digest(), results, step.inputs()));
    }
    return Optional.of(new CacheConfig(List.of(), steps).recordsToBytes());
  }
}
