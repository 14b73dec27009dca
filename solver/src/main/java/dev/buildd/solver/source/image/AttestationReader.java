package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.registry.Referrer;
import dev.buildd.registry.Repository;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads the attestation chain of one image from its repository, and from nowhere else: what the
 * daemon has of other repositories is not this image's to show.
 */
final class AttestationReader {
  private static final int MAX_BLOB = 8 << 20; // half of what a gRPC message may hold
  private static final String REFERENCE_TYPE = "vnd.docker.reference.type";
  private static final String REFERENCE_DIGEST = "vnd.docker.reference.digest";
  private static final String PREDICATE_TYPE = "in-toto.io/predicate-type";
  private static final String IN_TOTO = "application/vnd.in-toto+json";
  private static final Set<String> PROVENANCE =
      Set.of("https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1");

  /** Kinds of signatures, the best first. */
  private static final List<String> SIGNATURES =
      List.of(
          "application/vnd.dev.sigstore.bundle.v0.3+json",
          "application/vnd.dev.cosign.artifact.sig.v1+json");

  private final Repository repository;
  private final ImageOrigin origin;
  private final Map<Digest, AttestationChain.Blob> blobs = new LinkedHashMap<>();

  AttestationReader(Repository repository) {
    this.repository = repository;
    this.origin = ImageOrigin.of(repository);
  }

  /**
   * Follows the chain from an index on.
   *
   * @param predicates the types of attestations to bring with it
   * @return empty if there is no OCI index
   * @throws BuildException {@code NOT_FOUND} if the index has no image for the platform
   */
  Optional<AttestationChain> read(Descriptor root, Platform platform, Set<String> predicates)
      throws Exception {
    if (!root.mediaType().equals(MediaType.OCI_INDEX)) {
      return Optional.empty();
    }
    byte[] content = manifest(root);
    ImageManifest index = ImageManifest.parse(content, "index " + root.digest());
    Digest image = image(index, platform);
    Optional<Descriptor> attestation =
        isHardened(content, index) ? referringProvenance(image) : attestation(index, image);
    Optional<Descriptor> signature = Optional.empty();
    if (attestation.isPresent()) {
      ImageManifest statements = parsed(attestation.get());
      for (Descriptor statement : statements.layers()) {
        if (predicates.contains(statement.annotations().getOrDefault(PREDICATE_TYPE, ""))) {
          blob(statement);
        }
      }
      signature = signature(attestation.get().digest());
    }
    if (signature.isPresent()) {
      for (Descriptor part : parsed(signature.get()).layers()) {
        blob(part);
      }
    }
    return Optional.of(
        new AttestationChain(
            root.digest(),
            image,
            attestation.map(Descriptor::digest),
            signature.map(Descriptor::digest),
            List.copyOf(blobs.values())));
  }

  private Digest image(ImageManifest index, Platform platform) {
    List<Descriptor> manifests =
        index.manifests().stream().filter(m -> MediaType.isManifest(m.mediaType())).toList();
    return new ImageManifest(index.mediaType(), Optional.empty(), List.of(), manifests)
        .choose(platform)
        .map(Descriptor::digest)
        .orElseThrow(() ->
            BuildException.notFound(
                origin.name() + ": no manifest for platform " + platform.format()));
  }

  private static Optional<Descriptor> attestation(ImageManifest index, Digest image) {
    return index.manifests().stream()
        .filter(m ->
            m.annotations().getOrDefault(REFERENCE_TYPE, "").equals("attestation-manifest")
                && m.annotations().getOrDefault(REFERENCE_DIGEST, "").equals(image.toString()))
        .findFirst();
  }

  /** Docker's hardened images keep attestations out of the index. */
  private static boolean isHardened(byte[] content, ImageManifest index) {
    Map<String, String> annotations =
        Json.textMap(Json.parseObject(content, "index"), "annotations");
    return annotations.getOrDefault("org.opencontainers.image.title", "").startsWith("dhi/")
        && index.manifests().stream()
            .noneMatch(m -> m.annotations().getOrDefault("com.docker.dhi.build.id", "").isEmpty());
  }

  private Optional<Descriptor> referringProvenance(Digest image) throws Exception {
    Optional<Descriptor> found =
        repository.referrers(image, Optional.of(IN_TOTO)).stream()
            .map(Referrer::descriptor)
            .filter(d -> PROVENANCE.contains(d.annotations().getOrDefault(PREDICATE_TYPE, "")))
            .findFirst();
    if (found.isEmpty()) {
      throw BuildException.notFound(origin.name() + ": no attestation refers to " + image);
    }
    return found;
  }

  /** All kinds are asked for at once, for some registries cannot filter by two. */
  private Optional<Descriptor> signature(Digest attestation) throws Exception {
    List<Referrer> referrers = repository.referrers(attestation, Optional.empty());
    return SIGNATURES.stream()
        .flatMap(kind -> referrers.stream().filter(r -> r.artifactType().equals(kind)))
        .map(Referrer::descriptor)
        .findFirst();
  }

  private ImageManifest parsed(Descriptor manifest) throws Exception {
    return ImageManifest.parse(manifest(manifest), "manifest " + manifest.digest());
  }

  private byte[] manifest(Descriptor wanted) throws Exception {
    byte[] content = repository.manifest(wanted.digest());
    blobs.put(wanted.digest(), new AttestationChain.Blob(wanted, content));
    return content;
  }

  private void blob(Descriptor wanted) throws Exception {
    if (!blobs.containsKey(wanted.digest())) {
      blobs.put(wanted.digest(), new AttestationChain.Blob(wanted, origin.blob(wanted, MAX_BLOB)));
    }
  }
}
