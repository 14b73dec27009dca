package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.Repository;
import dev.buildd.session.SessionGroup;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceFile;
import dev.buildd.solver.source.SourceKey;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * Single blobs as files: of registries, {@code docker-image+blob://}, and of clients' OCI layouts,
 * {@code oci-layout+blob://}.
 */
public final class BlobSource implements Source {
  private static final String REGISTRY = "docker-image+blob";
  private static final String LAYOUT = "oci-layout+blob";

  private final CacheManager cache;
  private final RegistryClient registries;

  public BlobSource(CacheManager cache, RegistryClient registries) {
    this.cache = cache;
    this.registries = registries;
  }

  @Override
  public Set<String> schemes() {
    return Set.of(REGISTRY, LAYOUT);
  }

  @Override
  public Instance open(String identifier, Map<String, String> attributes, Platform platform) {
    int end = identifier.indexOf("://");
    String name = identifier.substring(end + "://".length());
    String recordType = attributes.getOrDefault("image.recordtype", "");
    if (!Set.of("", RefOptions.REGULAR, RefOptions.INTERNAL, RefOptions.FRONTEND)
        .contains(recordType)) {
      throw BuildException.invalid("invalid record type " + recordType);
    }
    SourceFile file = SourceFile.of(attributes);
    return switch (identifier.substring(0, Math.max(0, end))) {
      case REGISTRY -> {
        ImageReference reference = ImageReference.parse(name);
        Digest digest =
            reference
                .digest()
                .orElseThrow(
                    () -> BuildException.invalid("reference \"" + name + "\" must have digest"));
        yield new Blob(name, digest, file, recordType, sessions -> registry(reference, sessions));
      }
      case LAYOUT -> {
        LayoutReference reference = LayoutReference.parse(name, attributes);
        if (reference.storeId().isEmpty()) {
          throw BuildException.invalid("oci-layout blob source requires store id");
        }
        Digest digest = reference.digest();
        yield new Blob(
            name,
            digest,
            file,
            recordType,
            sessions -> {
              ImageOrigin layout = reference.open(sessions);
              return (to, progress) -> layout.read(Descriptor.of("", digest, 0), to, progress);
            });
      }
      default -> throw BuildException.invalid("not a blob: " + identifier);
    };
  }

  /** The bytes of a blob whose size nobody has told. */
  @FunctionalInterface
  private interface Content {
    void writeTo(OutputStream to, LongConsumer progress) throws Exception;
  }

  /** Where a blob is. */
  @FunctionalInterface
  private interface Place {
    Content open(SessionGroup sessions) throws Exception;
  }

  private Content registry(ImageReference reference, SessionGroup sessions) {
    Repository repository = registries.open(reference, new SessionCredentials(sessions));
    Digest digest = reference.digest().orElseThrow();
    return (to, progress) -> {
      try {
        repository.blob(Descriptor.of("", digest, 0), to, progress);
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND) {
          throw e;
        }
        to.write(repository.manifest(digest)); // which registries keep apart
      }
    };
  }

  private final class Blob implements Instance {
    private final String name;
    private final Digest digest;
    private final SourceFile file;
    private final String recordType;
    private final Place place;

    Blob(String name, Digest digest, SourceFile file, String recordType, Place place) {
      this.name = name;
      this.digest = digest;
      this.file = file;
      this.recordType = recordType;
      this.place = place;
    }

    private String fileName() {
      return file.name().isEmpty() ? digest.hex() : SourceFile.safeName(file.name());
    }

    /** Part of cache keys: exactly what BuildKit hashes. */
    @Override
    public SourceKey key(SourceContext context, int index) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("Digest", digest.toString());
      json.put("Filename", file.name().isEmpty() ? "" : fileName());
      json.put("Perm", file.permissions());
      json.put("UID", file.uid());
      json.put("GID", file.gid());
      return new SourceKey(
          CacheDigest.of(CacheDigest.Kind.JSON, Json.bytes(json)).toString(),
          true,
          digest.toString());
    }

    @Override
    public Optional<ImmutableRef> fetch(SourceContext context) throws Exception {
      RefOptions options = RefOptions.of("blob " + name);
      if (!recordType.isEmpty()) {
        options = options.withRecordType(recordType);
      }
      Content content = place.open(context.sessions());
      try (MutableRef ref = cache.newMutable(Optional.empty(), options)) {
        try (Mounted at = ref.mount()) {
          write(content, at.path().resolve(fileName()), context.progress());
        }
        return Optional.of(ref.commit());
      }
    }

    private void write(Content content, Path to, VertexProgress progress) throws Exception {
      MessageDigest hash = digest.algorithm().newHash();
      try (VertexProgress.Part part = progress.part(digest.toString());
          OutputStream out =
              new DigestOutputStream(Channels.newOutputStream(TreeFiles.create(to)), hash)) {
        content.writeTo(out, n -> part.update("", n, 0));
      }
      String actual = HexFormat.of().formatHex(hash.digest());
      if (!actual.equals(digest.hex())) {
        throw new BuildException(
            Category.FAILED_PRECONDITION,
            "unexpected digest of blob: got "
                + digest.algorithm().text()
                + ":"
                + actual
                + ", expected "
                + digest);
      }
      file.finish(to, Instant.EPOCH);
    }
  }
}
