package dev.buildd.solver.source.image;

import dev.buildd.base.concurrent.KeyedFlights;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlob;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.LayerProvider;
import dev.buildd.cache.RefOptions;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.session.SessionGroup;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.layer.Applier;
import dev.buildd.solver.graph.VertexProgress;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Semaphore;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;

/**
 * Makes refs of layers. A layer's ref is known by its chain id, whatever image it came with, so
 * that equal layers are kept once and found again after a restart. Refs of a registry's layers are
 * lazy: nothing is downloaded before somebody wants a file.
 *
 * <p>Safe for use by many threads.
 */
public final class LayerPuller {
  private static final String CHAIN_ID = "image.chainid";
  private static final int DOWNLOADS = 4;

  private final CacheManager cache;
  private final ContentStore content;
  private final LeaseManager leases;
  private final Applier applier;
  private final RegistryClient registries;
  private final Semaphore downloads = new Semaphore(DOWNLOADS);
  private final LayerBlobs layerBlobs;
  private final KeyedFlights<Digest, LeaseManager.Lease> blobs =
      new KeyedFlights<>("download", LeaseManager.Lease::close);
  private final Object creating = new Object(); // so that a layer has one ref

  public LayerPuller(
      CacheManager cache,
      ContentStore content,
      LeaseManager leases,
      Applier applier,
      LayerBlobs layerBlobs,
      RegistryClient registries) {
    this.cache = cache;
    this.content = content;
    this.leases = leases;
    this.applier = applier;
    this.layerBlobs = layerBlobs;
    this.registries = registries;
  }

  /** How a layer was made: what of, empty if unknown, and when. */
  public record History(String description, Optional<Instant> createdAt) {
    static final History UNKNOWN = new History("", Optional.empty());
  }

  /** Where layers come from. */
  public interface Origin {
    /** Reads a blob into a stream, which checks what it gets. */
    void read(Descriptor blob, OutputStream to, LongConsumer progress) throws Exception;

    /** Whether it has the blob now. */
    boolean has(Descriptor blob) throws Exception;

    /** What users call it. */
    String name();

    /** The image or cache in a registry that anybody can read later too, if it is one. */
    Optional<ImageReference> reference();
  }

  /**
   * Layers to bring.
   *
   * @param histories how each was made, if that is known; else empty
   * @param sessions of those who want them
   */
  public record Pull(
      Origin origin,
      List<Descriptor> layers,
      List<Digest> diffIds,
      List<Digest> chainIds,
      String recordType,
      List<History> histories,
      SessionGroup sessions,
      VertexProgress progress) {
    public static Pull of(
        Origin origin,
        List<Descriptor> layers,
        List<Digest> diffIds,
        String recordType,
        SessionGroup sessions,
        VertexProgress progress) {
      return new Pull(
          origin,
          layers,
          diffIds,
          ImageManifest.chainIds(diffIds),
          recordType,
          List.of(),
          sessions,
          progress);
    }

    public Pull withHistories(List<History> known) {
      return new Pull(
          origin, layers, diffIds, chainIds, recordType, List.copyOf(known), sessions, progress);
    }

    private RefOptions options(int layer) {
      History history = histories.isEmpty() ? History.UNKNOWN : histories.get(layer);
      RefOptions options =
          RefOptions.of(
                  history.description().isEmpty()
                      ? "pulled from " + origin.name()
                      : history.description())
              .withIndex(CHAIN_ID, chainIds.get(layer).toString());
      if (layer == layers.size() - 1 && !recordType.isEmpty()) {
        options = options.withRecordType(recordType);
      }
      return history.createdAt().map(options::withCreatedAt).orElse(options);
    }

    /**
     * What somebody else's manifest says of a layer beside what it is does not go into our images.
     */
    private LayerBlob blob(int layer) {
      Descriptor declared = layers.get(layer);
      Descriptor plain =
          new Descriptor(
              declared.mediaType(),
              declared.digest(),
              declared.size(),
              Optional.empty(),
              Map.of(),
              declared.urls());
      LayerBlob out = new LayerBlob(plain, diffIds.get(layer));
      return origin
          .reference()
          .map(reference -> out.in(reference.host(), reference.path()))
          .orElse(out);
    }
  }

  /**
   * The ref of the topmost layer; there must be one. It is lazy if the layers will be where they
   * are when they are wanted.
   */
  public ImmutableRef pull(Pull pull) throws Exception {
    LayerProvider provider =
        new Provider(Optional.of(pull.origin()), pull.layers(), pull.sessions(), pull.progress());
    ImmutableRef ref = refs(pull, provider);
    boolean complete = false;
    try {
      if (pull.origin().reference().isEmpty()) {
        ref.prepare();
      }
      complete = true;
      return ref;
    } finally {
      if (!complete) {
        ref.close();
      }
    }
  }

  private ImmutableRef refs(Pull pull, LayerProvider provider) {
    synchronized (creating) {
      int present = pull.layers().size() - 1;
      Optional<ImmutableRef> ref = find(pull.chainIds().get(present), provider);
      while (ref.isEmpty() && --present >= 0) {
        ref = find(pull.chainIds().get(present), provider);
      }
      if (ref.isPresent() && present == pull.layers().size() - 1 && !ref.get().isLazy()) {
        return ref.get();
      }
      ref.filter(ImmutableRef::isLazy).ifPresent(known -> seen(known, pull));
      for (int i = present + 1; i < pull.layers().size(); i++) {
        Optional<ImmutableRef> below = ref;
        ref = Optional.of(layerBlobs.newLazy(below, pull.options(i), pull.blob(i), provider));
        below.ifPresent(ImmutableRef::close);
      }
      return ref.orElseThrow();
    }
  }

  /** What is still to come may come from here as well. */
  private void seen(ImmutableRef known, Pull pull) {
    List<ImmutableRef> chain = known.layerChain();
    for (int i = 0; i < chain.size(); i++) {
      try (ImmutableRef layer = chain.get(i)) {
        if (layer.isLazy()) {
          layerBlobs.seen(layer, pull.blob(i));
        }
      }
    }
  }

  private Optional<ImmutableRef> find(Digest chainId, LayerProvider provider) {
    for (String id : cache.search(CHAIN_ID, chainId.toString())) {
      try {
        return Optional.of(cache.get(id, provider));
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND) {
          throw e;
        }
        // pruned meanwhile
      }
    }
    return Optional.empty();
  }

  /**
   * Brings layers from the registries where they were seen last.
   *
   * @param sessions of those who want them
   */
  public LayerProvider provider(SessionGroup sessions, VertexProgress progress) {
    return new Provider(Optional.empty(), List.of(), sessions, progress);
  }

  private final class Provider implements LayerProvider {
    private final Optional<Origin> origin;
    private final Set<Digest> ofOrigin;
    private final SessionGroup sessions;
    private final VertexProgress progress;

    Provider(
        Optional<Origin> origin,
        List<Descriptor> layers,
        SessionGroup sessions,
        VertexProgress progress) {
      this.origin = origin;
      this.ofOrigin = layers.stream().map(Descriptor::digest).collect(Collectors.toSet());
      this.sessions = sessions;
      this.progress = progress;
    }

    private List<Origin> candidates(LayerBlob layer) {
      List<Origin> out = new ArrayList<>();
      origin.filter(_ -> ofOrigin.contains(layer.descriptor().digest())).ifPresent(out::add);
      layer
          .repositories()
          .forEach((host, path) -> {
            ImageReference place =
                new ImageReference(host, path, Optional.empty(), Optional.empty());
            if (out.stream().noneMatch(one -> isIn(one, place))) {
              out.add(ImageOrigin.of(registries.open(place, new SessionCredentials(sessions))));
            }
          });
      return out;
    }

    private static boolean isIn(Origin one, ImageReference repository) {
      return one.reference().filter(r -> r.name().equals(repository.name())).isPresent();
    }

    @Override
    public boolean has(LayerBlob layer) throws Exception {
      if (content.info(layer.descriptor().digest()).isPresent()) {
        return true;
      }
      for (Origin candidate : candidates(layer)) {
        if (candidate.has(layer.descriptor())) {
          return true;
        }
      }
      return false;
    }

    @Override
    public AutoCloseable fetch(LayerBlob layer) throws Exception {
      return blobs.acquire(layer.descriptor().digest(), () -> download(layer));
    }

    private LeaseManager.Lease download(LayerBlob layer) throws Exception {
      Digest digest = layer.descriptor().digest();
      downloads.acquire();
      LeaseManager.Lease hold = leases.hold(digest);
      boolean complete = false;
      try {
        if (content.info(digest).isEmpty()) {
          downloadFromAny(layer);
        }
        complete = true;
        return hold;
      } finally {
        downloads.release();
        if (!complete) {
          hold.close();
        }
      }
    }

    private void downloadFromAny(LayerBlob layer) throws Exception {
      Exception first = null;
      for (Origin candidate : candidates(layer)) {
        try {
          download(layer.descriptor(), candidate);
          return;
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) {
          first = first == null ? e : first;
        }
      }
      throw first == null
          ? BuildException.notFound(
              "layer " + layer.descriptor().digest() + " is not here, nor known where to be had")
          : first;
    }

    private void download(Descriptor wanted, Origin from) throws Exception {
      try (VertexProgress.Part part = progress.part(wanted.digest().toString());
          ContentStore.Writer writer = content.write(wanted.digest(), wanted.size())) {
        named(
            from.name(),
            wanted.digest(),
            () -> {
              // hashes what it gets
              Threads.nativeCalls()
                  .call(() -> {
                    from.read(wanted, writer.stream(), n -> part.update("", n, wanted.size()));
                    return true;
                  });
              writer.commit();
              return true;
            });
      }
    }

    @Override
    public void unpack(LayerBlob layer, List<Mount> into) throws Exception {
      Digest digest = layer.descriptor().digest();
      try (VertexProgress.Part part = progress.part("extracting " + digest)) {
        part.update("extracting", 0, 0);
        Digest diffId = named(image(layer), digest, () -> applier.apply(layer.descriptor(), into));
        if (!diffId.equals(layer.diffId())) {
          throw new BuildException(
              Category.FAILED_PRECONDITION,
              subject(image(layer), digest)
                  + ": wrong diff id calculated on extraction \""
                  + diffId
                  + "\"");
        }
      }
    }

    /** What the layer is a part of, for people. */
    private String image(LayerBlob layer) {
      return candidates(layer).stream().map(Origin::name).findFirst().orElse("image");
    }

    private static String subject(String image, Digest layer) {
      return image + ": layer " + layer;
    }

    /** Names the image and the layer in what goes wrong with it. */
    private static <T> T named(String image, Digest layer, Callable<T> work) throws Exception {
      try {
        return work.call();
      } catch (BuildException e) {
        String message = String.valueOf(e.getMessage());
        if (message.startsWith(image + ": ")) {
          throw e; // a registry names them itself
        }
        throw new BuildException(e.category(), subject(image, layer) + ": " + message, e);
      } catch (IOException e) {
        return FileFailures.wrap(
            subject(image, layer),
            () -> {
              throw e;
            });
      }
    }
  }
}
