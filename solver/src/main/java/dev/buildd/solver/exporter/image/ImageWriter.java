package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlob;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.LazyBlobs;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.solver.exporter.Attributes;
import dev.buildd.solver.exporter.ExportSource;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.graph.VertexProgress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes images of results: layers, config, manifest and, for several platforms, an index, all in
 * the content store. Safe for use by many threads.
 */
public final class ImageWriter {
  private static final Logger log = LoggerFactory.getLogger(ImageWriter.class);
  private static final String CONFIG = "containerimage.config";
  private static final String BASE_CONFIG = "containerimage.base.config";
  private static final String REWRITTEN = "buildkit/rewritten-timestamp";

  private final LayerBlobs blobs;
  private final ContentStore content;
  private final LeaseManager leases;

  public ImageWriter(LayerBlobs blobs, ContentStore content, LeaseManager leases) {
    this.blobs = blobs;
    this.content = content;
    this.leases = leases;
  }

  ContentStore content() {
    return content;
  }

  LayerBlobs blobs() {
    return blobs;
  }

  /**
   * An image in the content store, whose parts stay until this is closed.
   *
   * @param config of an image that is no index
   * @param lazy its layers that are not in the content store
   */
  record Image(
      Descriptor root, Optional<Digest> config, List<LeaseManager.Lease> holds, LazyBlobs lazy)
      implements AutoCloseable {
    @Override
    public void close() {
      holds.forEach(LeaseManager.Lease::close);
      lazy.close();
    }
  }

  /** The image of a result. */
  Image write(ExportSource source, ImageOptions options, Exporter.Context context)
      throws Exception {
    List<LeaseManager.Lease> holds = new ArrayList<>();
    LazyBlobs lazy = new LazyBlobs();
    boolean complete = false;
    try {
      Image image = new Run(source, options, context, holds, lazy).image();
      complete = true;
      return image;
    } finally {
      if (!complete) {
        holds.forEach(LeaseManager.Lease::close);
        lazy.close();
      }
    }
  }

  /** One image being made. */
  private final class Run {
    private final ExportSource source;
    private final ImageOptions options;
    private final VertexProgress progress;
    private final Exporter.InlineCache inlineCache;
    private final List<LeaseManager.Lease> holds;
    private final LazyBlobs lazy;

    Run(
        ExportSource source,
        ImageOptions options,
        Exporter.Context context,
        List<LeaseManager.Lease> holds,
        LazyBlobs lazy) {
      this.source = source;
      this.options = options;
      this.progress = context.progress();
      this.inlineCache = context.inlineCache();
      this.holds = holds;
      this.lazy = lazy;
    }

    Image image() throws Exception {
      List<String> ids = source.platformIds();
      List<Platform> platforms = source.platforms();
      checkAnnotations(ids);
      if (!source.isMap()) {
        if (options.annotations().hasIndex()) {
          throw BuildException.invalid(
              "index annotations not supported for single platform export");
        }
        Manifest only = manifest(source.ref(), ids.getFirst(), platforms.getFirst());
        return new Image(only.descriptor(), Optional.of(only.config()), holds, lazy);
      }
      List<Descriptor> manifests = new ArrayList<>();
      for (int i = 0; i < ids.size(); i++) {
        manifests.add(manifest(source.find(ids.get(i)), ids.get(i), platforms.get(i)).descriptor());
      }
      String type = options.ociTypes() ? MediaType.OCI_INDEX : MediaType.DOCKER_INDEX;
      byte[] json =
          Json.indented(
              ImageJson.index(
                  type, manifests, options.annotations().ofIndex(Annotations.Place.INDEX)));
      Digest digest = stored(json, "exporting manifest list ");
      return new Image(
          new Descriptor(
              type,
              digest,
              json.length,
              Optional.empty(),
              options.annotations().ofIndex(Annotations.Place.INDEX_DESCRIPTOR),
              List.of()),
          Optional.empty(),
          holds,
          lazy);
    }

    private void checkAnnotations(List<String> ids) {
      for (Annotations.One one : options.annotations().all()) {
        if (!one.platform().isEmpty() && !ids.contains(one.platform())) {
          throw BuildException.invalid(
              "invalid annotation: no platform " + one.platform() + " found in source");
        }
        if (!options.ociTypes() && one.place() != Annotations.Place.MANIFEST) {
          throw BuildException.invalid("cannot export annotations with \"oci-mediatypes=false\"");
        }
      }
    }

    private record Manifest(Descriptor descriptor, Digest config) {}

    /** Puts a document into the content store, for as long as the image is wanted. */
    private Digest stored(byte[] json, String label) {
      Digest digest = Digest.of(json);
      holds.add(leases.hold(digest));
      try (VertexProgress.Part part = progress.part(label + digest)) {
        content.put(json);
        part.update("", 0, 0);
      }
      return digest;
    }

    private Manifest manifest(Optional<ImmutableRef> ref, String platformId, Platform platform)
        throws Exception {
      byte[] config = source.metadata(CONFIG, platformId);
      byte[] baseConfig = source.metadata(BASE_CONFIG, platformId);
      config = config.length == 0 ? ImageConfig.defaults() : config;
      Optional<Long> epoch = options.epochSeconds();
      if (!options.epochGiven()) {
        OptionalLong said = Attributes.epoch(source, platformId);
        epoch = said.isPresent() ? Optional.of(said.getAsLong()) : Optional.empty();
      }
      List<LayerBlob> plain = layers(ref);
      List<LayerBlob> layers =
          options.rewriteTimestamp() ? rewritten(plain, baseConfig, epoch) : plain;
      for (LayerBlob layer : layers) {
        holds.add(leases.hold(layer.descriptor().digest()));
      }
      List<ImageConfig.History> history =
          ImageConfig.normalized(ImageConfig.history(config, "image config"), origins(ref));
      Optional<byte[]> inline =
          ref.isPresent() ? inlineCache.of(ref.get(), plain) : Optional.empty();
      byte[] patched =
          ImageConfig.patched(
              config,
              layers.stream().map(LayerBlob::diffId).toList(),
              history,
              baseConfig.length == 0
                  ? List.of()
                  : ImageConfig.history(baseConfig, "base image config"),
              epoch.map(Instant::ofEpochSecond),
              inline.orElse(null));
      Descriptor configDescriptor =
          Descriptor.of(
              options.ociTypes() ? MediaType.OCI_CONFIG : MediaType.DOCKER_CONFIG,
              Digest.of(patched),
              patched.length);
      String type = options.ociTypes() ? MediaType.OCI_MANIFEST : MediaType.DOCKER_MANIFEST;
      byte[] json =
          Json.indented(
              ImageJson.manifest(
                  type,
                  configDescriptor,
                  layers.stream().map(this::inManifest).toList(),
                  options.annotations().of(Annotations.Place.MANIFEST, platformId)));
      Digest digest = stored(json, "exporting manifest ");
      stored(patched, "exporting config ");
      return new Manifest(
          new Descriptor(
              type,
              digest,
              json.length,
              Optional.of(platform),
              options.annotations().of(Annotations.Place.MANIFEST_DESCRIPTOR, platformId),
              List.of()),
          configDescriptor.digest());
    }

    private List<LayerBlob> layers(Optional<ImmutableRef> ref) throws Exception {
      if (ref.isEmpty()) {
        return List.of();
      }
      try (VertexProgress.Part part = progress.part("exporting layers")) {
        List<LayerBlob> out = blobs.chain(ref.get(), options.layers(), lazy);
        part.update("", 0, 0);
        return out;
      }
    }

    private static List<ImageConfig.Origin> origins(Optional<ImmutableRef> ref) {
      List<ImageConfig.Origin> out = new ArrayList<>();
      for (ImmutableRef layer : ref.map(ImmutableRef::layerChain).orElse(List.of())) {
        out.add(new ImageConfig.Origin(layer.createdAt(), layer.description()));
        layer.close();
      }
      return out;
    }

    /** The layers with no time after the epoch; those of the base image stay as they are. */
    private List<LayerBlob> rewritten(
        List<LayerBlob> layers, byte[] baseConfig, Optional<Long> epoch) throws Exception {
      if (epoch.isEmpty()) {
        log.warn("rewrite-timestamp is specified, but no source-date-epoch was found");
        return layers;
      }
      List<Digest> base =
          baseConfig.length == 0
              ? List.of()
              : ImageManifest.diffIds(baseConfig, "base image config");
      List<LayerBlob> out = new ArrayList<>();
      boolean ofBase = true;
      try (VertexProgress.Part part =
          progress.part(
              "rewriting layers with source-date-epoch "
                  + epoch.get()
                  + " ("
                  + Instant.ofEpochSecond(epoch.get())
                  + ")")) {
        for (int i = 0; i < layers.size(); i++) {
          LayerBlob layer = layers.get(i);
          ofBase = ofBase && i < base.size() && layer.diffId().equals(base.get(i));
          out.add(ofBase ? layer : rewritten(layer, epoch.get()));
          part.update("", i + 1, layers.size());
        }
      }
      return out;
    }

    private LayerBlob rewritten(LayerBlob layer, long epoch) throws Exception {
      LayerBlob made =
          blobs.rewritten(
              layer,
              epoch * 1_000_000_000L,
              options.layers(),
              lazy,
              one -> holds.add(leases.hold(one.descriptor().digest())));
      Descriptor old = made.descriptor();
      Map<String, String> annotations = new HashMap<>(old.annotations());
      annotations.put(REWRITTEN, Long.toString(epoch));
      return new LayerBlob(
          new Descriptor(
              old.mediaType(), old.digest(), old.size(), old.platform(), annotations, old.urls()),
          made.diffId());
    }

    /** A layer's descriptor as others are to see it. */
    private Descriptor inManifest(LayerBlob blob) {
      Descriptor layer = blob.descriptor();
      boolean foreign = options.preferForeign() && !layer.urls().isEmpty();
      Map<String, String> annotations = new HashMap<>();
      if (options.ociTypes()) {
        annotations.putAll(blob.shownAnnotations());
      }
      return new Descriptor(
          LayerTypes.of(layer.mediaType(), options.ociTypes(), foreign),
          layer.digest(),
          layer.size(),
          Optional.empty(),
          annotations,
          foreign ? layer.urls() : List.of());
    }
  }
}
