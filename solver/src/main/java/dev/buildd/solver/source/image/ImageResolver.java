package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.registry.CredentialSource;
import dev.buildd.cache.registry.Reference;
import dev.buildd.cache.registry.RegistryClient;
import dev.buildd.cache.registry.Repository;
import dev.buildd.session.SessionGroup;
import dev.buildd.snapshot.content.ContentStore;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  /** What a frontend wants to know of an image: the name's digest and the config. */
  public ResolvedImage resolveConfig(
      String reference, Platform platform, ResolveMode mode, SessionGroup sessions)
      throws Exception {
    return resolve(Reference.parse(reference), platform, mode, new SessionCredentials(sessions));
  }

  /**
   * Resolves a name and brings manifests and config.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image for the platform
   */
  public ResolvedImage resolve(
      Reference reference, Platform platform, ResolveMode mode, CredentialSource credentials)
      throws Exception {
    Repository repository = registries.open(reference, credentials);
    Descriptor root = mode == ResolveMode.LOCAL ? lastRoots.get(reference.toString()) : null;
    if (root == null || content.info(root.digest()).isEmpty()) {
      root = repository.resolve();
      lastRoots.put(reference.toString(), root);
    }
    List<Digest> blobs = new ArrayList<>();
    Descriptor at = root;
    ImageManifest manifest = manifest(repository, at, blobs);
    for (int i = 0; manifest.isIndex(); i++) {
      if (i == MAX_NESTING) {
        throw BuildException.invalid(reference + ": indexes are nested too deeply");
      }
      at =
          manifest
              .choose(platform)
              .orElseThrow(() ->
                  BuildException.notFound(
                      reference + ": no match for platform in manifest: not found"));
      manifest = manifest(repository, at, blobs);
    }
    Descriptor config =
        manifest
            .config()
            .orElseThrow(() -> BuildException.invalid(reference + ": manifest has no config"));
    byte[] bytes = config(repository, config, blobs);
    List<Digest> diffIds = ImageManifest.diffIds(bytes, "config of " + reference);
    if (diffIds.size() != manifest.layers().size()) {
      throw BuildException.invalid(
          "mismatched image rootfs and manifest layers: "
              + diffIds.size()
              + " diff ids, "
              + manifest.layers().size()
              + " layers");
    }
    return new ResolvedImage(reference, root, bytes, manifest.layers(), diffIds, blobs);
  }

  private ImageManifest manifest(Repository repository, Descriptor wanted, List<Digest> blobs)
      throws Exception {
    // the registry has named this digest for this repository just now, so that wherever its bytes
    // come from, nobody is given another repository's image
    byte[] bytes =
        content.info(wanted.digest()).isPresent()
            ? content.readAll(wanted.digest())
            : repository.manifest(wanted.digest());
    ImageManifest manifest = ImageManifest.parse(bytes, "manifest " + wanted.digest());
    String type = manifest.mediaType();
    if (!type.isEmpty() && MediaType.isIndex(type) != MediaType.isIndex(wanted.mediaType())) {
      throw BuildException.invalid(
          "manifest " + wanted.digest() + " is " + type + ", not " + wanted.mediaType());
    }
    if (manifest.isIndex() && MediaType.isManifest(wanted.mediaType())) {
      throw BuildException.invalid("manifest " + wanted.digest() + " has no config");
    }
    content.put(bytes);
    blobs.add(wanted.digest());
    return manifest;
  }

  private byte[] config(Repository repository, Descriptor wanted, List<Digest> blobs)
      throws Exception {
    if (wanted.size() > MAX_CONFIG) {
      throw BuildException.invalid("config " + wanted.digest() + " is too large");
    }
    byte[] bytes;
    if (content.info(wanted.digest()).isPresent()) {
      bytes = content.readAll(wanted.digest());
    } else {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      repository.blob(wanted, new Bounded(out, wanted.size()), n -> {});
      bytes = out.toByteArray();
      if (!Digest.of(bytes).equals(wanted.digest())) {
        throw new BuildException(
            Category.FAILED_PRECONDITION,
            "unexpected digest of config: got "
                + Digest.of(bytes)
                + ", expected "
                + wanted.digest());
      }
      content.put(bytes);
    }
    blobs.add(wanted.digest());
    return bytes;
  }
}
