package dev.buildd.cache;

import dev.buildd.base.concurrent.KeyedFlights;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.layer.Compression;
import dev.buildd.snapshot.layer.Estargz;
import dev.buildd.snapshot.layer.EstargzOutput;
import dev.buildd.snapshot.layer.LayerWriter;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Layers of refs as archives. An archive is made once and stays as long as its ref; one that came
 * with an image from a registry is used as it came.
 *
 * <p>Safe for use by many threads.
 */
public final class LayerBlobs {
  private static final String INDEX = "blob:";
  private static final String PRESENT = "1";
  private static final int BUFFER = 64 << 10;

  private final CacheManager cache;
  private final ContentStore content;
  private final LeaseManager leases;
  private final KeyedFlights<String, LayerBlob> flights = new KeyedFlights<>("archive of layer");

  public LayerBlobs(CacheManager cache, ContentStore content, LeaseManager leases) {
    this.cache = cache;
    this.content = content;
    this.leases = leases;
    cache.usage().countArchives(this::bytesOf);
  }

  /** What archives of an entry's layer take that are here and are not counted for an older one. */
  private long bytesOf(RefRecord entry) {
    long sum = 0;
    Set<Digest> seen = new HashSet<>();
    for (byte[] value : cache.table().values(entry, LayerBlob.VALUE)) {
      Digest blob = LayerBlob.of(value).descriptor().digest();
      long bytes = seen.add(blob) ? content.bytes(blob) : 0;
      if (bytes > 0 && cache.search(INDEX + blob, PRESENT).getFirst().equals(entry.id)) {
        sum += bytes;
      }
    }
    return sum;
  }

  /**
   * How layers are to be compressed.
   *
   * @param force whether this goes for layers of which there is an archive already
   */
  public record CompressionConfig(Compression compression, OptionalInt level, boolean force) {
    public static final CompressionConfig DEFAULT =
        new CompressionConfig(Compression.GZIP, OptionalInt.empty(), false);
  }

  /** Whether a blob is some ref's layer. */
  public boolean needs(Digest blob) {
    return !cache.search(INDEX + blob, PRESENT).isEmpty();
  }

  /** A repository of a registry that has this layer, as far as known. */
  public Optional<String> repository(Digest blob, String host) {
    List<String> found = new ArrayList<>();
    eachOf(blob, (ref, layer) -> layer.repository(host).ifPresent(found::add));
    return found.stream().findFirst();
  }

  /** Notes that a repository has this blob, if it is a layer of ours. */
  public void noteRepository(Digest blob, String host, String repository) {
    eachOf(
        blob,
        (ref, layer) -> {
          if (layer.repository(host).isEmpty()) {
            ref.put(LayerBlob.VALUE, layer.in(host, repository).toBytes());
          }
        });
  }

  private void eachOf(Digest blob, BiConsumer<ImmutableRef, LayerBlob> action) {
    for (String id : cache.search(INDEX + blob, PRESENT)) {
      try (ImmutableRef ref = cache.get(id)) {
        ref.get(LayerBlob.VALUE)
            .map(LayerBlob::of)
            .filter(layer -> layer.descriptor().digest().equals(blob))
            .ifPresent(layer -> action.accept(ref, layer));
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
          throw e;
        }
        // pruned meanwhile, or not finished
      }
    }
  }

  /** Notes that a ref's layer is in the content store in this form. */
  public void note(MutableRef ref, LayerBlob blob) {
    ref.put(LayerBlob.VALUE, blob.toBytes());
    ref.index(INDEX + blob.descriptor().digest(), PRESENT);
  }

  /**
   * A ref of a layer whose blob is known: it and the files come when they are wanted.
   *
   * @param provider brings them
   */
  public ImmutableRef newLazy(
      Optional<ImmutableRef> parent, RefOptions options, LayerBlob blob, LayerProvider provider) {
    return cache.newLazy(
        parent,
        options.withIndex(INDEX + blob.descriptor().digest(), PRESENT),
        Map.of(LayerBlob.VALUE, blob.toBytes()),
        provider);
  }

  /** Notes where a lazy ref's layer was seen last. */
  public void seen(ImmutableRef layer, LayerBlob blob) {
    Optional<LayerBlob> known = layer.get(LayerBlob.VALUE).map(LayerBlob::of);
    LayerBlob now = known.map(blob::withSourcesOf).orElse(blob);
    if (!known.equals(Optional.of(now))) {
      note(layer, LayerBlob.VALUE, now);
    }
  }

  private void note(ImmutableRef ref, String key, LayerBlob blob) {
    ref.index(INDEX + blob.descriptor().digest(), PRESENT);
    ref.put(key, blob.toBytes());
  }

  /**
   * The layers that a ref is made of, lowest first.
   *
   * @param lazy will bring those that are not in the content store
   */
  public List<LayerBlob> chain(ImmutableRef ref, CompressionConfig wanted, LazyBlobs lazy)
      throws Exception {
    List<ImmutableRef> layers = ref.layerChain();
    try {
      List<Callable<LayerBlob>> all = new ArrayList<>();
      for (ImmutableRef layer : layers) {
        all.add(() -> blob(layer, wanted, lazy));
      }
      return all.isEmpty() ? List.of() : Scope.all("layers of " + ref, all);
    } finally {
      layers.forEach(ImmutableRef::close);
    }
  }

  /** One layer of a chain, if there is an archive of it already, here or elsewhere. */
  public Optional<LayerBlob> existing(ImmutableRef layer, LazyBlobs lazy) {
    Optional<LayerBlob> known = known(layer, LayerBlob.VALUE);
    if (known.isPresent() || !layer.isLazy()) {
      return known;
    }
    Optional<LayerBlob> elsewhere = layer.get(LayerBlob.VALUE).map(LayerBlob::of);
    elsewhere.ifPresent(blob -> lazy.add(layer, blob.descriptor().digest()));
    return elsewhere;
  }

  /** One layer of a chain, if one of its archives, of whatever compression, is among these. */
  public Optional<LayerBlob> oneOf(Set<Digest> blobs, ImmutableRef layer) {
    return Stream.concat(
            Stream.of(LayerBlob.VALUE),
            Arrays.stream(Compression.values()).map(LayerBlobs::converted))
        .flatMap(key -> layer.get(key).map(LayerBlob::of).stream())
        .filter(blob -> blobs.contains(blob.descriptor().digest()))
        .findFirst();
  }

  /** Where a layer's archive is noted that was made although there was another. */
  private static String converted(Compression compression) {
    return LayerBlob.VALUE + "." + compression.text();
  }

  /** One layer of a chain. */
  public LayerBlob blob(ImmutableRef layer, CompressionConfig wanted, LazyBlobs lazy)
      throws Exception {
    Optional<LayerBlob> known = existing(layer, lazy);
    if (known.isPresent()
        && (!wanted.force() || known.get().compression() == wanted.compression())) {
      return known.get();
    }
    String key = wanted.force() ? converted(wanted.compression()) : LayerBlob.VALUE;
    Optional<LayerBlob> converted = known(layer, key);
    if (converted.isPresent()) {
      return converted.get();
    }
    return flights.join(
        layer.id() + "/" + key,
        () -> {
          Optional<LayerBlob> meanwhile = known(layer, key);
          if (meanwhile.isPresent()) {
            return meanwhile.get();
          }
          return make(
              wanted,
              known.isPresent() ? out -> uncompress(known.get(), lazy, out) : layer::archive,
              made -> {
                if (known.isEmpty() && !key.equals(LayerBlob.VALUE)) {
                  note(layer, LayerBlob.VALUE, made);
                }
                note(layer, key, made);
              });
        });
  }

  private Optional<LayerBlob> known(ImmutableRef layer, String key) {
    return layer
        .get(key)
        .map(LayerBlob::of)
        .filter(blob -> content.info(blob.descriptor().digest()).isPresent());
  }

  private void uncompress(LayerBlob blob, LazyBlobs lazy, OutputStream out) throws Exception {
    try (InputStream in = uncompressed(blob, lazy)) {
      in.transferTo(out);
    }
  }

  private InputStream uncompressed(LayerBlob blob, LazyBlobs lazy) throws Exception {
    Digest digest = blob.descriptor().digest();
    lazy.fetch(digest);
    InputStream in = content.read(digest, 0);
    try {
      OptionalLong toc = tocOffset(blob);
      return toc.isPresent() ? Estargz.archive(in, toc.getAsLong()) : Compression.decompress(in);
    } catch (IOException e) {
      in.close();
      throw e;
    }
  }

  /** Where the TOC of a layer begins that is eStargz, wherever it came from. */
  private OptionalLong tocOffset(LayerBlob blob) throws IOException {
    long footer = blob.descriptor().size() - Estargz.FOOTER_SIZE;
    if (footer < 0 || Compression.ofLayer(blob.descriptor().mediaType()) != Compression.GZIP) {
      return OptionalLong.empty();
    }
    try (InputStream in = content.read(blob.descriptor().digest(), footer)) {
      return Estargz.tocOffset(in.readAllBytes());
    }
  }

  /**
   * The layer with all later times of files set to {@code latest}; not remembered.
   *
   * @param latest nanoseconds since the epoch
   * @param lazy brings the layer, should it not be in the content store
   * @param keep sees to it that the new blob is not collected
   */
  public LayerBlob rewritten(
      LayerBlob blob,
      long latest,
      CompressionConfig wanted,
      LazyBlobs lazy,
      Consumer<LayerBlob> keep)
      throws Exception {
    return make(
        wanted,
        out -> {
          try (InputStream in = uncompressed(blob, lazy)) {
            LayerWriter.rewrite(in, latest, out);
            in.transferTo(OutputStream.nullOutputStream());
          }
        },
        keep);
  }

  /** Writes an archive. */
  private interface Archive {
    void write(OutputStream out) throws Exception;
  }

  /** What is known of an archive once it has been written. */
  private record Packed(Digest diffId, Map<String, String> annotations) {}

  private static Packed pack(CompressionConfig wanted, Archive archive, OutputStream blob)
      throws Exception {
    OutputStream packing =
        wanted.compression().compress(new BufferedOutputStream(blob, BUFFER), wanted.level());
    if (packing instanceof EstargzOutput estargz) {
      try (estargz) {
        archive.write(estargz);
      }
      return new Packed(estargz.diffId(), estargz.annotations());
    }
    MessageDigest hash = Digest.newHash();
    try (OutputStream to = new DigestOutputStream(packing, hash)) {
      archive.write(to);
    }
    return new Packed(Digest.ofHash(hash.digest()), Map.of());
  }

  private LayerBlob make(CompressionConfig wanted, Archive archive, Consumer<LayerBlob> keep)
      throws Exception {
    try (ContentStore.Writer writer = content.writeNew()) {
      // reads and writes files, and hands blocks to those who compress
      Packed packed = Threads.nativeCalls().call(() -> pack(wanted, archive, writer.stream()));
      Digest digest = writer.verify();
      LayerBlob made =
          new LayerBlob(
              new Descriptor(
                  wanted.compression().mediaType(),
                  digest,
                  writer.written(),
                  Optional.empty(),
                  packed.annotations,
                  List.of()),
              packed.diffId);
      try (LeaseManager.Lease _ = leases.hold(digest)) {
        writer.commit();
        keep.accept(made);
        return made;
      }
    }
  }
}
