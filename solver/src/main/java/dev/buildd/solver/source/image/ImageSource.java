package dev.buildd.solver.source.image;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.llb.ResolveMode;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.session.SessionGroup;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceKey;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Images of registries, {@code docker-image://}, and of clients' OCI layouts, {@code
 * oci-layout://}.
 */
public final class ImageSource implements Source {
  private static final String REGISTRY = "docker-image";
  private static final String LAYOUT = "oci-layout";
  private static final String BLOB = "image.blob:"; // an index each, for an index has one value
  private static final String NEEDED = "needed";

  private final CacheManager cache;
  private final RegistryClient registries;
  private final ImageResolver resolver;
  private final LayerPuller layers;

  public ImageSource(
      CacheManager cache, LayerPuller layers, RegistryClient registries, ImageResolver resolver) {
    this.cache = cache;
    this.registries = registries;
    this.resolver = resolver;
    this.layers = layers;
  }

  @Override
  public Set<String> schemes() {
    return Set.of(REGISTRY, LAYOUT);
  }

  /** Whether a ref was made from an image with this manifest or config. */
  public boolean needs(Digest blob) {
    return !cache.search(BLOB + blob, NEEDED).isEmpty();
  }

  @Override
  public Instance open(String identifier, Map<String, String> attributes, Platform platform) {
    return switch (place(identifier, attributes)) {
      case InRegistry in -> registryImage(in, attributes, platform.normalized());
      case InLayout in ->
          new Image(
              in,
              platform.normalized(),
              "",
              Optional.ofNullable(attributes.get("oci.layerlimit")).map(ImageSource::limit),
              Optional.empty());
    };
  }

  /**
   * Finds out what an image is, without bringing its layers.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image for the platform
   */
  public ResolvedImage resolve(
      String identifier, Map<String, String> attributes, Platform platform, SessionGroup sessions)
      throws Exception {
    return place(identifier, attributes).resolve(platform, sessions);
  }

  /**
   * Tells of an image what is asked for. Of an OCI layout that is always the config alone.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image for the platform
   */
  public ImageMetadata metadata(
      String identifier,
      Map<String, String> attributes,
      ImageMetadata.Request request,
      SessionGroup sessions)
      throws Exception {
    return switch (place(identifier, attributes)) {
      case InRegistry in ->
          resolver.metadata(in.reference, request, new SessionCredentials(sessions));
      case InLayout in -> {
        ResolvedImage image = in.resolve(request.platform(), sessions);
        yield new ImageMetadata(
            image.name(), image.root().digest(), Optional.of(image.config()), Optional.empty());
      }
    };
  }

  private Place place(String identifier, Map<String, String> attributes) {
    int end = identifier.indexOf("://");
    String name = identifier.substring(end + "://".length());
    return switch (identifier.substring(0, Math.max(0, end))) {
      case REGISTRY ->
          new InRegistry(
              ImageReference.parse(name),
              ResolveMode.parse(attributes.getOrDefault("image.resolvemode", "")));
      case LAYOUT -> new InLayout(LayoutReference.parse(name, attributes));
      default -> throw BuildException.invalid("not an image: " + identifier);
    };
  }

  private Instance registryImage(
      InRegistry place, Map<String, String> attributes, Platform platform) {
    String recordType = attributes.getOrDefault("image.recordtype", "");
    if (!Set.of(
            "",
            "internal",
            "frontend",
            "source.local",
            "source.git.checkout",
            "exec.cachemount",
            "regular")
        .contains(recordType)) {
      throw BuildException.invalid("invalid record type " + recordType);
    }
    Optional<Integer> limit =
        Optional.ofNullable(attributes.get("image.layerlimit")).map(ImageSource::limit);
    Optional<Digest> checksum =
        Optional.ofNullable(attributes.get("image.checksum")).map(Digest::parse);
    return new Image(place, platform, recordType, limit, checksum);
  }

  private static int limit(String text) {
    if (!text.matches("[0-9]{1,6}")) {
      throw BuildException.invalid("invalid layer limit " + text);
    }
    int limit = Integer.parseInt(text);
    if (limit == 0) {
      throw BuildException.invalid("invalid layer limit " + text);
    }
    return limit;
  }

  /** Where an image is. */
  private sealed interface Place {
    String name();

    ResolvedImage resolve(Platform platform, SessionGroup sessions) throws Exception;

    ImageOrigin open(SessionGroup sessions) throws Exception;
  }

  private final class InRegistry implements Place {
    private final ImageReference reference;
    private final ResolveMode mode;

    InRegistry(ImageReference reference, ResolveMode mode) {
      this.reference = reference;
      this.mode = mode;
    }

    @Override
    public String name() {
      return reference.toString();
    }

    @Override
    public ResolvedImage resolve(Platform platform, SessionGroup sessions) throws Exception {
      return resolver.resolve(reference, platform, mode, new SessionCredentials(sessions));
    }

    @Override
    public ImageOrigin open(SessionGroup sessions) {
      return ImageOrigin.of(registries.open(reference, new SessionCredentials(sessions)));
    }
  }

  private final class InLayout implements Place {
    private final LayoutReference reference;

    InLayout(LayoutReference reference) {
      this.reference = reference;
    }

    @Override
    public String name() {
      return reference.name();
    }

    @Override
    public ResolvedImage resolve(Platform platform, SessionGroup sessions) throws Exception {
      return resolver.resolve(reference, platform, sessions);
    }

    @Override
    public ImageOrigin open(SessionGroup sessions) throws Exception {
      return reference.open(sessions);
    }
  }

  private final class Image implements Instance {
    private final Place place;
    private final Platform platform;
    private final String recordType;
    private final Optional<Integer> limit;
    private final Optional<Digest> checksum;
    private @Nullable Flight<ResolvedImage> resolution; // guarded by this

    Image(
        Place place,
        Platform platform,
        String recordType,
        Optional<Integer> limit,
        Optional<Digest> checksum) {
      this.place = place;
      this.platform = platform;
      this.recordType = recordType;
      this.limit = limit;
      this.checksum = checksum;
    }

    /** Asks once: all that is done for a vertex must be of one image. */
    private ResolvedImage resolved(SourceContext context) throws Exception {
      Flight<ResolvedImage> flight;
      synchronized (this) {
        if (resolution == null) {
          resolution = new Flight<>("resolve " + place.name(), () -> resolve(context));
        }
        flight = resolution;
      }
      return flight.join();
    }

    private ResolvedImage resolve(SourceContext context) throws Exception {
      try (VertexProgress.Part part = context.progress().part("resolve " + place.name())) {
        part.update("", 0, 0);
        ResolvedImage image = place.resolve(platform, context.sessions());
        Digest digest = image.root().digest();
        if (checksum.isPresent() && !checksum.get().equals(digest)) {
          throw new BuildException(
              Category.FAILED_PRECONDITION,
              "image digest "
                  + digest
                  + " for "
                  + place.name()
                  + " does not match expected checksum "
                  + checksum.get());
        }
        if (limit.isPresent() && limit.get() > image.layers().size()) {
          throw BuildException.invalid(
              "layer limit "
                  + limit.get()
                  + " is greater than the number of layers in the image "
                  + image.layers().size());
        }
        return image;
      }
    }

    private <T> List<T> limited(List<T> all) {
      return all.subList(0, limit.orElse(all.size()));
    }

    @Override
    public SourceKey key(SourceContext context, int index) throws Exception {
      ResolvedImage image = resolved(context);
      List<Digest> diffIds = limited(image.diffIds());
      String pin = image.root().digest().toString();
      return index == 0 || diffIds.isEmpty()
          ? new SourceKey(manifestKey(image), index > 0, pin)
          : new SourceKey(ImageManifest.chainIds(diffIds).getLast().toString(), true, pin);
    }

    /** Part of cache keys: exactly what BuildKit hashes. */
    private String manifestKey(ResolvedImage image) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("Digest", image.root().digest().toString());
      json.put("OS", platform.os());
      json.put("Arch", platform.architecture());
      if (!platform.variant().isEmpty()) {
        json.put("Variant", platform.variant());
      }
      if (!platform.osVersion().isEmpty()) {
        json.put("OSVersion", platform.osVersion());
      }
      if (!platform.osFeatures().isEmpty()) {
        json.put("OSFeatures", platform.osFeatures());
      }
      limit.ifPresent(n -> json.put("Limit", n));
      return CacheDigest.of(CacheDigest.Kind.JSON, Json.bytes(json)).toString();
    }

    @Override
    public Optional<ImmutableRef> fetch(SourceContext context) throws Exception {
      ResolvedImage image = resolved(context);
      List<Descriptor> wanted = limited(image.layers());
      if (wanted.isEmpty()) {
        return Optional.empty();
      }
      ImmutableRef ref =
          layers.pull(
              LayerPuller.Pull.of(
                  place.open(context.sessions()),
                  wanted,
                  limited(image.diffIds()),
                  recordType,
                  context.sessions(),
                  context.progress()));
      image.blobs().forEach(blob -> ref.index(BLOB + blob, NEEDED));
      return Optional.of(ref);
    }
  }
}
