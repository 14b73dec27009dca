package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.llb.ResolveMode;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.Repository;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.session.SessionGroup;
import dev.buildd.snapshot.content.ContentStore;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Finds out what names of images stand for. Manifests and configs go to the content store, where
 * those who use the image next find them.
 *
 * <p>Safe for use by many threads.
 */
public final class ImageResolver {
  private static final int MAX_CONFIG = 8 << 20;
  private static final int MAX_NESTING = 3;
  private static final int REMEMBERED = 1000;

  private final RegistryClient registries;
  private final ContentStore content;
  private final Map<String, Descriptor> lastRoots =
      Collections.synchronizedMap(
          new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Descriptor> eldest) {
              return size() > REMEMBERED;
            }
          });

  public ImageResolver(RegistryClient registries, ContentStore content) {
    this.registries = registries;
    this.content = content;
  }

  /**
   * Resolves a name and brings manifests and config.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image for the platform
   */
  public ResolvedImage resolve(
      ImageReference reference, Platform platform, ResolveMode mode, CredentialSource credentials)
      throws Exception {
    Repository repository = registries.open(reference, credentials);
    return resolve(repository, root(repository, mode), platform);
  }

  private ResolvedImage resolve(Repository repository, Descriptor root, Platform platform)
      throws Exception {
    // the registry has named this digest for this repository just now, so that wherever the bytes
    // come from, nobody is given another repository's image
    return new Reading(
            ImageOrigin.of(repository), platform, digest -> content.info(digest).isPresent())
        .image(root);
  }

  private Descriptor root(Repository repository, ResolveMode mode) throws Exception {
    String name = repository.reference().toString();
    Descriptor known = mode == ResolveMode.PREFER_LOCAL ? lastRoots.get(name) : null;
    if (known != null && content.info(known.digest()).isPresent()) {
      return known;
    }
    Descriptor root = repository.resolve();
    lastRoots.put(name, root);
    return root;
  }

  /**
   * Resolves a name and tells what is asked for.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image for the platform
   */
  ImageMetadata metadata(
      ImageReference reference, ImageMetadata.Request request, CredentialSource credentials)
      throws Exception {
    Repository repository = registries.open(reference, credentials);
    Descriptor root = root(repository, request.mode());
    return new ImageMetadata(
        reference.toString(),
        root.digest(),
        request.config()
            ? Optional.of(resolve(repository, root, request.platform()).config())
            : Optional.empty(),
        request.attestations().isPresent()
            ? new AttestationReader(repository)
                .read(root, request.platform(), request.attestations().get())
            : Optional.empty());
  }

  /**
   * Finds out what an OCI layout's image is, and brings manifests and config. All is read from the
   * layout, whatever the daemon has, for a client vouches only for what it offers.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image for the platform
   */
  ResolvedImage resolve(LayoutReference reference, Platform platform, SessionGroup sessions)
      throws Exception {
    return new Reading(reference.open(sessions), platform, digest -> false)
        .image(Descriptor.of("", reference.digest(), 0));
  }

  /** One image being read. */
  private final class Reading {
    private final ImageOrigin origin;
    private final Platform platform;
    private final Predicate<Digest> here;
    private final List<Digest> blobs = new ArrayList<>();

    /**
     * @param here whether a document need not be asked for
     */
    Reading(ImageOrigin origin, Platform platform, Predicate<Digest> here) {
      this.origin = origin;
      this.platform = platform;
      this.here = here;
    }

    /**
     * @param root without a media type if it is not known
     */
    ResolvedImage image(Descriptor root) throws Exception {
      if (root.mediaType().equals(MediaType.DOCKER_SCHEMA_1)) {
        throw new BuildException(
            Category.FAILED_PRECONDITION,
            "support Docker Image manifest version 2, schema 1 has been removed. "
                + "More information at https://docs.docker.com/go/deprecated-image-specs/");
      }
      Descriptor at = root;
      ImageManifest manifest = manifest(at);
      for (int i = 0; manifest.isIndex(); i++) {
        if (i == MAX_NESTING) {
          throw BuildException.invalid(origin.name() + ": indexes are nested too deeply");
        }
        at = manifest.choose(platform).orElseThrow(this::noMatch);
        manifest = manifest(at);
      }
      Descriptor config =
          manifest
              .config()
              .orElseThrow(
                  () -> BuildException.invalid(origin.name() + ": manifest has no config"));
      byte[] bytes = config(config);
      boolean chosen = !at.equals(root);
      if (chosen
          && at.platform().isEmpty()
          && !platform.runs(ImageManifest.platform(bytes, "config of " + origin.name()))) {
        throw noMatch();
      }
      List<Digest> diffIds = ImageManifest.diffIds(bytes, "config of " + origin.name());
      if (diffIds.size() != manifest.layers().size()) {
        throw BuildException.invalid(
            "mismatched image rootfs and manifest layers: "
                + diffIds.size()
                + " diff ids, "
                + manifest.layers().size()
                + " layers");
      }
      return new ResolvedImage(origin.name(), root, bytes, manifest.layers(), diffIds, blobs);
    }

    private BuildException noMatch() {
      return BuildException.notFound(
          origin.name() + ": no match for platform in manifest: not found");
    }

    private ImageManifest manifest(Descriptor wanted) throws Exception {
      byte[] bytes =
          here.test(wanted.digest())
              ? content.readAll(wanted.digest())
              : origin.manifest(wanted.digest());
      ImageManifest manifest = parse(bytes, wanted);
      String type = manifest.mediaType();
      String expected = wanted.mediaType();
      if (!type.isEmpty()
          && !expected.isEmpty()
          && MediaType.isIndex(type) != MediaType.isIndex(expected)) {
        throw BuildException.invalid(
            "manifest " + wanted.digest() + " is " + type + ", not " + expected);
      }
      if (manifest.isIndex() && (MediaType.isManifest(expected) || MediaType.isManifest(type))) {
        throw BuildException.invalid("manifest " + wanted.digest() + " has no config");
      }
      if (!manifest.isIndex() && MediaType.isIndex(type)) {
        throw BuildException.invalid("mediaType in manifest does not match manifest contents");
      }
      content.put(bytes);
      blobs.add(wanted.digest());
      return manifest;
    }

    private ImageManifest parse(byte[] bytes, Descriptor wanted) {
      try {
        return ImageManifest.parse(bytes, "manifest " + wanted.digest());
      } catch (BuildException e) {
        if (!wanted.mediaType().isEmpty()) {
          throw e;
        }
        throw new BuildException(
            e.category(),
            "reference \""
                + origin.name()
                + "\" contains neither an index nor a manifest: "
                + e.getMessage(),
            e);
      }
    }

    private byte[] config(Descriptor wanted) throws Exception {
      byte[] bytes;
      if (here.test(wanted.digest())) {
        bytes = content.readAll(wanted.digest());
      } else {
        bytes = origin.blob(wanted, MAX_CONFIG);
        content.put(bytes);
      }
      blobs.add(wanted.digest());
      return bytes;
    }
  }
}
