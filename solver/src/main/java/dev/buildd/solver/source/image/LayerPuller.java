package dev.buildd.solver.source.image;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlob;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.registry.Reference;
import dev.buildd.snapshot.Failures;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.layer.LayerApplier;
import dev.buildd.solver.graph.VertexProgress;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.function.LongConsumer;

/**
 * Brings layers into refs. A layer's ref is known by its chain id, whatever image it came with, so
 * that equal layers are kept once and found again after a restart. Layers of one image are
 * downloaded side by side and unpacked in order; a layer that two images want at once is brought
 * once.
 */
public final class LayerPuller {
  private static final String CHAIN_ID = "image.chainid";
  private static final int DOWNLOADS = 4;

  private final CacheManager cache;
  private final ContentStore content;
  private final Semaphore downloads = new Semaphore(DOWNLOADS);
  private final LayerBlobs layerBlobs;
  private final Shared<Digest, Blob> blobs = new Shared<>();
  private final Shared<Digest, ImmutableRef> refs = new Shared<>();

  public LayerPuller(CacheManager cache, ContentStore content, LayerBlobs layerBlobs) {
    this.cache = cache;
    this.content = content;
    this.layerBlobs = layerBlobs;
  }

  /** A layer's archive, held in the content store. */
  private record Blob(ContentStore content, Digest digest, ContentStore.Hold hold)
      implements AutoCloseable {
    InputStream open() {
      return content.read(digest, 0);
    }

    @Override
    public void close() {
      hold.close();
    }
  }

  /** How a layer was made: what of, empty if unknown, and when. */
  public record History(String description, Optional<Instant> createdAt) {
    static final History UNKNOWN = new History("", Optional.empty());
  }

  /** Where layers come from. */
  public interface Origin {
    /** Reads a blob into a stream, which checks what it gets. */
    void read(Descriptor blob, OutputStream to, LongConsumer progress) throws Exception;

    /** What users call it. */
    String name();

    /** The image or cache in a registry, if it is one. */
    Optional<Reference> reference();
  }

  /**
   * Layers to bring.
   *
   * @param histories how each was made, if that is known; else empty
   */
  public record Pull(
      Origin origin,
      List<Descriptor> layers,
      List<Digest> diffIds,
      List<Digest> chainIds,
      String recordType,
      List<History> histories,
      VertexProgress progress) {
    public static Pull of(
        Origin origin,
        List<Descriptor> layers,
        List<Digest> diffIds,
        String recordType,
        VertexProgress progress) {
      return new Pull(
          origin,
          layers,
          diffIds,
          ImageManifest.chainIds(diffIds),
          recordType,
          List.of(),
          progress);
    }

    public Pull withHistories(List<History> known) {
      return new Pull(origin, layers, diffIds, chainIds, recordType, List.copyOf(known), progress);
    }

    private RefOptions options(int layer) {
      History history = histories.isEmpty() ? History.UNKNOWN : histories.get(layer);
      RefOptions options =
          RefOptions.of(
              history.description().isEmpty()
                  ? "pulled from " + origin.name()
                  : history.description());
      return history.createdAt().map(options::withCreatedAt).orElse(options);
    }

    boolean isTop(int layer) {
      return layer == layers.size() - 1;
    }
  }

  /** The ref of the topmost layer; there must be one. */
  public ImmutableRef pull(Pull pull) throws Exception {
    int top = pull.layers().size() - 1;
    int present = top;
    while (present >= 0) {
      Optional<ImmutableRef> found = find(pull.chainIds().get(present));
      if (found.isPresent() && present == top) {
        return found.get();
      }
      if (found.isPresent()) {
        found.get().close();
        break;
      }
      present--;
    }
    CountDownLatch done = new CountDownLatch(1);
    try (Scope scope = Scope.open("layers of " + pull.origin().name())) {
      for (int i = present + 1; i <= top; i++) {
        int layer = i;
        scope.fork(
            "download " + pull.layers().get(i).digest(),
            () -> {
              Shared<Digest, Blob>.Lease lease = blob(pull, layer);
              try {
                done.await(); // held until it is unpacked
              } finally {
                lease.close();
              }
            });
      }
      ImmutableRef ref = ref(pull, top);
      done.countDown();
      return ref;
    }
  }

  private Optional<ImmutableRef> find(Digest chainId) {
    for (String id : cache.search(CHAIN_ID, chainId.toString())) {
      try {
        return Optional.of(cache.get(id));
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
          throw e;
        }
        // pruned meanwhile, or not finished
      }
    }
    return Optional.empty();
  }

  private ImmutableRef ref(Pull pull, int layer) throws Exception {
    try (Shared<Digest, ImmutableRef>.Lease lease =
        refs.acquire(pull.chainIds().get(layer), () -> bring(pull, layer))) {
      return lease.value().share();
    }
  }

  private ImmutableRef bring(Pull pull, int layer) throws Exception {
    Optional<ImmutableRef> found = find(pull.chainIds().get(layer));
    if (found.isPresent()) {
      return found.get();
    }
    Optional<ImmutableRef> parent =
        layer == 0 ? Optional.empty() : Optional.of(ref(pull, layer - 1));
    try (Shared<Digest, Blob>.Lease blob = blob(pull, layer);
        MutableRef ref = cache.newMutable(parent, options(pull, layer))) {
      String id = "extracting " + pull.layers().get(layer).digest();
      try (VertexProgress.Part part = pull.progress().part(id);
          Mounted mounted = ref.mount()) {
        part.update("extracting", 0, 0);
        // waits for those who decompress and hash
        Digest diffId =
            named(
                pull,
                pull.layers().get(layer),
                () ->
                    Threads.nativeCalls()
                        .call(() -> {
                          try (InputStream in = blob.value().open()) {
                            return LayerApplier.apply(in, mounted.path());
                          }
                        }));
        if (!diffId.equals(pull.diffIds().get(layer))) {
          throw new BuildException(
              Category.FAILED_PRECONDITION,
              subject(pull, pull.layers().get(layer))
                  + ": wrong diff id calculated on extraction \""
                  + diffId
                  + "\"");
        }
      }
      ref.index(CHAIN_ID, pull.chainIds().get(layer).toString());
      LayerBlob blobNote =
          new LayerBlob(plain(pull.layers().get(layer)), pull.diffIds().get(layer));
      layerBlobs.note(
          ref,
          pull.origin()
              .reference()
              .map(reference -> blobNote.in(reference.host(), reference.path()))
              .orElse(blobNote));
      return ref.commit();
    } finally {
      parent.ifPresent(ImmutableRef::close);
    }
  }

  /**
   * What somebody else's manifest says of a layer beside what it is does not go into our images.
   */
  private static Descriptor plain(Descriptor layer) {
    return new Descriptor(
        layer.mediaType(), layer.digest(), layer.size(), Optional.empty(), Map.of(), layer.urls());
  }

  private static RefOptions options(Pull pull, int layer) {
    RefOptions options = pull.options(layer);
    return pull.isTop(layer) && !pull.recordType().isEmpty()
        ? options.withRecordType(pull.recordType())
        : options;
  }

  private Shared<Digest, Blob>.Lease blob(Pull pull, int layer) throws Exception {
    Descriptor wanted = pull.layers().get(layer);
    return blobs.acquire(wanted.digest(), () -> named(pull, wanted, () -> download(pull, wanted)));
  }

  private static String subject(Pull pull, Descriptor layer) {
    return pull.origin().name() + ": layer " + layer.digest();
  }

  /** Names the image and the layer in what goes wrong with it. */
  private static <T> T named(Pull pull, Descriptor layer, Callable<T> work) throws Exception {
    try {
      return work.call();
    } catch (BuildException e) {
      String message = String.valueOf(e.getMessage());
      if (message.startsWith(pull.origin().name() + ": ")) {
        throw e; // a registry names them itself
      }
      throw new BuildException(e.category(), subject(pull, layer) + ": " + message, e);
    } catch (IOException e) {
      return Failures.wrap(
          subject(pull, layer),
          () -> {
            throw e;
          });
    }
  }

  private Blob download(Pull pull, Descriptor wanted) throws Exception {
    downloads.acquire();
    ContentStore.Hold hold = content.hold(wanted.digest());
    boolean complete = false;
    try {
      if (content.info(wanted.digest()).isEmpty()) {
        try (VertexProgress.Part part = pull.progress().part(wanted.digest().toString());
            ContentStore.Writer writer = content.write(wanted.digest(), wanted.size())) {
          // hashes what it gets
          Threads.nativeCalls()
              .call(() -> {
                pull.origin().read(wanted, writer.stream(), n -> part.update("", n, wanted.size()));
                return true;
              });
          writer.commit();
        }
      }
      complete = true;
      return new Blob(content, wanted.digest(), hold);
    } finally {
      downloads.release();
      if (!complete) {
        hold.close();
      }
    }
  }
}
