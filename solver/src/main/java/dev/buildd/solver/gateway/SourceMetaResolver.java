package dev.buildd.solver.gateway;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.registry.ImageReference;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.git.GitSource;
import dev.buildd.solver.source.http.HttpSource;
import dev.buildd.solver.source.image.AttestationChain;
import dev.buildd.solver.source.image.ImageMetadata;
import dev.buildd.solver.source.image.ImageSource;
import dev.buildd.solver.source.image.ResolvedImage;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Tells frontends what sources are before anything is built of them. Safe for use by many threads.
 */
public final class SourceMetaResolver {
  private static final int MAX_SUFFIX = 4096;

  private final ImageSource images;
  private final GitSource git;
  private final HttpSource http;
  private final SessionManager sessions;

  public SourceMetaResolver(
      ImageSource images, GitSource git, HttpSource http, SessionManager sessions) {
    this.images = images;
    this.git = git;
    this.http = http;
    this.sessions = sessions;
  }

  ImageMetaResolver.Resolved image(ImageRequest request, Job job) throws Exception {
    String reference = ImageReference.parse(request.reference()).toString();
    Map<String, String> attributes = new HashMap<>();
    attributes.put("image.resolvemode", request.mode().text());
    request
        .layout()
        .ifPresent(layout -> {
          attributes.put("oci.session", layout.session());
          attributes.put("oci.store", layout.store());
        });
    String identifier =
        (request.layout().isPresent() ? "oci-layout://" : "docker-image://") + reference;
    Platform platform = platform(request.platform());
    ResolvedImage image =
        asVertex(
            new Looked(identifier, attributes, platform, request.logName()),
            job,
            context -> images.resolve(identifier, attributes, platform, context.sessions()),
            found -> found.root().digest().toString());
    return new ImageMetaResolver.Resolved(
        image.name(), image.root().digest().toString(), image.config());
  }

  SourceMeta source(SourceMetaRequest request, Job job) throws Exception {
    String identifier = request.identifier();
    String scheme = identifier.substring(0, Math.max(0, identifier.indexOf("://")));
    Looked looked =
        new Looked(
            identifier, request.attributes(), platform(request.platform()), request.logName());
    if (git.schemes().contains(scheme)) {
      return meta(
          request,
          Optional.empty(),
          Optional.of(
              asVertex(looked, job, context -> git(request, context), SourceMetaResolver::commit)),
          Optional.empty());
    }
    if (http.schemes().contains(scheme)) {
      return meta(
          request,
          Optional.empty(),
          Optional.empty(),
          Optional.of(
              asVertex(looked, job, context -> http(request, context), SourceMeta.Http::checksum)));
    }
    if (!images.schemes().contains(scheme)) {
      return meta(request, Optional.empty(), Optional.empty(), Optional.empty());
    }
    ImageMetadata.Request wanted = wanted(request, looked.platform());
    ImageMetadata image =
        asVertex(
            looked,
            job,
            context ->
                images.metadata(identifier, request.attributes(), wanted, context.sessions()),
            found -> found.root().toString());
    return new SourceMeta(
        scheme + "://" + image.name(),
        request.attributes(),
        Optional.of(
            new SourceMeta.Image(
                image.root().toString(),
                image.config().orElse(new byte[0]),
                image.attestations().map(SourceMetaResolver::chain))),
        Optional.empty(),
        Optional.empty());
  }

  private static SourceMeta meta(
      SourceMetaRequest request,
      Optional<SourceMeta.Image> image,
      Optional<SourceMeta.Git> git,
      Optional<SourceMeta.Http> http) {
    return new SourceMeta(request.identifier(), request.attributes(), image, git, http);
  }

  private static ImageMetadata.Request wanted(SourceMetaRequest request, Platform platform) {
    SourceMetaRequest.Image image = request.image();
    boolean chain = image.attestationChain() || !image.attestations().isEmpty();
    return new ImageMetadata.Request(
        platform,
        request.mode(),
        image.config(),
        chain ? Optional.of(Set.copyOf(image.attestations())) : Optional.empty());
  }

  private static SourceMeta.AttestationChain chain(AttestationChain chain) {
    Map<String, SourceMeta.Blob> blobs = new LinkedHashMap<>();
    for (AttestationChain.Blob blob : chain.blobs()) {
      blobs.put(
          blob.descriptor().digest().toString(),
          new SourceMeta.Blob(blob.descriptor(), blob.content()));
    }
    return new SourceMeta.AttestationChain(
        chain.root().toString(),
        chain.image().toString(),
        chain.attestation().map(Digest::toString).orElse(""),
        chain.signature().map(Digest::toString).stream().toList(),
        blobs);
  }

  private SourceMeta.Git git(SourceMetaRequest request, SourceContext context) throws Exception {
    GitSource.Metadata found = git.resolve(request.identifier(), request.attributes(), context);
    GitSource.Objects objects =
        request.gitObject()
            ? git.objects(request.identifier(), request.attributes(), context)
            : new GitSource.Objects(new byte[0], new byte[0]);
    return new SourceMeta.Git(
        found.checksum(), found.ref(), found.commitChecksum(), objects.commit(), objects.tag());
  }

  private SourceMeta.Http http(SourceMetaRequest request, SourceContext context) throws Exception {
    HttpSource.Metadata found = http.resolve(request.identifier(), request.attributes(), context);
    Optional<SourceMeta.Suffixed> suffixed = Optional.empty();
    if (request.checksum().isPresent()) {
      SourceMetaRequest.Checksum wanted = request.checksum().get();
      if (wanted.suffix().length > MAX_SUFFIX) {
        throw BuildException.invalid("checksum suffix exceeds max size " + MAX_SUFFIX);
      }
      Digest digest =
          http.checksum(
              request.identifier(),
              request.attributes(),
              wanted.algorithm(),
              wanted.suffix(),
              context);
      suffixed = Optional.of(new SourceMeta.Suffixed(digest.toString(), wanted.suffix()));
    }
    return new SourceMeta.Http(
        found.digest().toString(), found.filename(), found.lastModified(), suffixed);
  }

  private static String commit(SourceMeta.Git git) {
    return git.commitChecksum().isEmpty() ? git.checksum() : git.commitChecksum();
  }

  /** What is looked at, as users see it. */
  private record Looked(
      String identifier, Map<String, String> attributes, Platform platform, String logName) {}

  /** Work that users see as a vertex. */
  @FunctionalInterface
  private interface Look<T> {
    T with(SourceContext context) throws Exception;
  }

  /**
   * @param pin the part of what was found by which it can be found again
   */
  private <T> T asVertex(Looked looked, Job job, Look<T> look, Function<T, String> pin)
      throws Exception {
    String name =
        looked.logName().isEmpty()
            ? "resolve image config for " + looked.identifier()
            : looked.logName();
    VertexProgress progress =
        job.vertex(Digest.of(looked.identifier() + looked.platform().format()), name);
    progress.started();
    try {
      T found =
          look.with(
              new SourceContext(
                  SessionGroup.of(sessions, job.session()), progress, () -> List.of(job.memo())));
      progress.resolved(looked.identifier(), looked.attributes(), pin.apply(found));
      progress.completed(null);
      return found;
    } catch (Exception e) {
      progress.completed(e);
      throw e;
    }
  }

  private static Platform platform(Optional<Platform> wanted) {
    return wanted.map(Platform::normalized).orElseGet(Platform::host);
  }
}
