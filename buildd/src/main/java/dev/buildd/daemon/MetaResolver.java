package dev.buildd.daemon;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.registry.Reference;
import dev.buildd.proto.gateway.Blob;
import dev.buildd.proto.gateway.ChecksumRequest;
import dev.buildd.proto.gateway.ChecksumResponse;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveImageConfigResponse;
import dev.buildd.proto.gateway.ResolveSourceGitResponse;
import dev.buildd.proto.gateway.ResolveSourceHTTPResponse;
import dev.buildd.proto.gateway.ResolveSourceImageRequest;
import dev.buildd.proto.gateway.ResolveSourceImageResponse;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.proto.pb.SourceOp;
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
import dev.buildd.solver.source.image.ResolveMode;
import dev.buildd.solver.source.image.ResolvedImage;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Tells frontends what sources are before anything is built of them. */
final class MetaResolver {
  private static final int LAYOUT_RESOLVER = 1;
  private static final int MAX_SUFFIX = 4096;

  private final ImageSource images;
  private final GitSource git;
  private final HttpSource http;
  private final SessionManager sessions;

  MetaResolver(ImageSource images, GitSource git, HttpSource http, SessionManager sessions) {
    this.images = images;
    this.git = git;
    this.http = http;
    this.sessions = sessions;
  }

  ResolveImageConfigResponse image(ResolveImageConfigRequest request, Job job) throws Exception {
    String reference = Reference.parse(request.getRef()).toString();
    SourceOp.Builder source = SourceOp.newBuilder().setIdentifier("docker-image://" + reference);
    if (request.getResolverType() == LAYOUT_RESOLVER) {
      source
          .setIdentifier("oci-layout://" + reference)
          .putAttrs("oci.session", request.getSessionID())
          .putAttrs("oci.store", request.getStoreID());
    }
    Platform platform = platform(request.hasPlatform(), request.getPlatform());
    ResolvedImage image =
        resolve(source.build(), platform, request.getResolveMode(), request.getLogName(), job);
    return ResolveImageConfigResponse.newBuilder()
        .setRef(image.name())
        .setDigest(image.root().digest().toString())
        .setConfig(ByteString.copyFrom(image.config()))
        .build();
  }

  ResolveSourceMetaResponse source(ResolveSourceMetaRequest request, Job job) throws Exception {
    String identifier = request.getSource().getIdentifier();
    String scheme = identifier.substring(0, Math.max(0, identifier.indexOf("://")));
    if (git.schemes().contains(scheme)) {
      ResolveSourceGitResponse found = asVertex(request, job, context -> git(request, context));
      return ResolveSourceMetaResponse.newBuilder()
          .setSource(request.getSource())
          .setGit(found)
          .build();
    }
    if (http.schemes().contains(scheme)) {
      ResolveSourceHTTPResponse found = asVertex(request, job, context -> http(request, context));
      return ResolveSourceMetaResponse.newBuilder()
          .setSource(request.getSource())
          .setHTTP(found)
          .build();
    }
    if (!images.schemes().contains(scheme)) {
      return ResolveSourceMetaResponse.newBuilder().setSource(request.getSource()).build();
    }
    Platform platform = platform(request.hasPlatform(), request.getPlatform());
    ImageMetadata image =
        asVertex(
            request,
            job,
            context ->
                images.metadata(
                    identifier,
                    request.getSource().getAttrsMap(),
                    wanted(request, platform),
                    context.sessions()));
    ResolveSourceImageResponse.Builder out =
        ResolveSourceImageResponse.newBuilder().setDigest(image.root().toString());
    image.config().ifPresent(config -> out.setConfig(ByteString.copyFrom(config)));
    image.attestations().ifPresent(chain -> out.setAttestationChain(chain(chain)));
    return ResolveSourceMetaResponse.newBuilder()
        .setSource(request.getSource().toBuilder().setIdentifier(scheme + "://" + image.name()))
        .setImage(out)
        .build();
  }

  private static ImageMetadata.Request wanted(ResolveSourceMetaRequest request, Platform platform) {
    ResolveSourceImageRequest image = request.getImage();
    boolean chain = image.getAttestationChain() || image.getResolveAttestationsCount() > 0;
    return new ImageMetadata.Request(
        platform,
        ResolveMode.parse(request.getResolveMode()),
        !image.getNoConfig(),
        chain ? Optional.of(Set.copyOf(image.getResolveAttestationsList())) : Optional.empty());
  }

  private static dev.buildd.proto.gateway.AttestationChain chain(AttestationChain chain) {
    dev.buildd.proto.gateway.AttestationChain.Builder out =
        dev.buildd.proto.gateway.AttestationChain.newBuilder()
            .setRoot(chain.root().toString())
            .setImageManifest(chain.image().toString());
    chain.attestation().ifPresent(digest -> out.setAttestationManifest(digest.toString()));
    chain.signature().ifPresent(digest -> out.addSignatureManifests(digest.toString()));
    for (AttestationChain.Blob blob : chain.blobs()) {
      Descriptor is = blob.descriptor();
      out.putBlobs(
          is.digest().toString(),
          Blob.newBuilder()
              .setBlobDescriptor(
                  dev.buildd.proto.gateway.Descriptor.newBuilder()
                      .setMediaType(is.mediaType())
                      .setDigest(is.digest().toString())
                      .setSize(is.size())
                      .putAllAnnotations(is.annotations()))
              .setData(ByteString.copyFrom(blob.content()))
              .build());
    }
    return out.build();
  }

  private ResolveSourceGitResponse git(ResolveSourceMetaRequest request, SourceContext context)
      throws Exception {
    SourceOp op = request.getSource();
    GitSource.Metadata found = git.resolve(op.getIdentifier(), op.getAttrsMap(), context);
    ResolveSourceGitResponse.Builder out =
        ResolveSourceGitResponse.newBuilder()
            .setChecksum(found.checksum())
            .setRef(found.ref())
            .setCommitChecksum(found.commitChecksum());
    if (request.getGit().getReturnObject()) {
      GitSource.Objects objects = git.objects(op.getIdentifier(), op.getAttrsMap(), context);
      out.setCommitObject(ByteString.copyFrom(objects.commit()))
          .setTagObject(ByteString.copyFrom(objects.tag()));
    }
    return out.build();
  }

  private ResolveSourceHTTPResponse http(ResolveSourceMetaRequest request, SourceContext context)
      throws Exception {
    SourceOp op = request.getSource();
    HttpSource.Metadata found = http.resolve(op.getIdentifier(), op.getAttrsMap(), context);
    ResolveSourceHTTPResponse.Builder out =
        ResolveSourceHTTPResponse.newBuilder()
            .setChecksum(found.digest().toString())
            .setFilename(found.filename());
    found
        .lastModified()
        .ifPresent(
            time -> out.setLastModified(Timestamp.newBuilder().setSeconds(time.getEpochSecond())));
    if (request.getHTTP().hasChecksumRequest()) {
      ChecksumRequest wanted = request.getHTTP().getChecksumRequest();
      if (wanted.getSuffix().size() > MAX_SUFFIX) {
        throw BuildException.invalid("checksum suffix exceeds max size " + MAX_SUFFIX);
      }
      Digest digest =
          http.checksum(
              op.getIdentifier(),
              op.getAttrsMap(),
              algorithm(wanted.getAlgo()),
              wanted.getSuffix().toByteArray(),
              context);
      out.setChecksumResponse(
          ChecksumResponse.newBuilder().setDigest(digest.toString()).setSuffix(wanted.getSuffix()));
    }
    return out.build();
  }

  private static Digest.Algorithm algorithm(ChecksumRequest.ChecksumAlgo wanted) {
    return switch (wanted) {
      case CHECKSUM_ALGO_SHA256 -> Digest.Algorithm.SHA256;
      case CHECKSUM_ALGO_SHA384 -> Digest.Algorithm.SHA384;
      case CHECKSUM_ALGO_SHA512 -> Digest.Algorithm.SHA512;
      case UNRECOGNIZED -> throw BuildException.invalid("unsupported checksum algorithm");
    };
  }

  /** Work that users see as a vertex. */
  @FunctionalInterface
  private interface Look<T> {
    T with(SourceContext context) throws Exception;
  }

  private <T> T asVertex(ResolveSourceMetaRequest request, Job job, Look<T> look) throws Exception {
    return asVertex(
        request.getSource().getIdentifier(),
        platform(request.hasPlatform(), request.getPlatform()),
        request.getLogName(),
        job,
        look);
  }

  private <T> T asVertex(
      String identifier, Platform platform, String logName, Job job, Look<T> look)
      throws Exception {
    String name = logName.isEmpty() ? "resolve image config for " + identifier : logName;
    VertexProgress progress = job.vertex(Digest.of(identifier + platform.format()), name);
    progress.started();
    try {
      T found =
          look.with(
              new SourceContext(
                  SessionGroup.of(sessions, job.session()), progress, () -> List.of(job.memo())));
      progress.completed(null);
      return found;
    } catch (Exception e) {
      progress.completed(e);
      throw e;
    }
  }

  private ResolvedImage resolve(
      SourceOp source, Platform platform, String mode, String logName, Job job) throws Exception {
    String identifier = source.getIdentifier();
    Map<String, String> attributes = new HashMap<>(source.getAttrsMap());
    attributes.put("image.resolvemode", mode);
    return asVertex(
        identifier,
        platform,
        logName,
        job,
        context -> images.resolve(identifier, attributes, platform, context.sessions()));
  }

  private static Platform platform(boolean given, dev.buildd.proto.pb.Platform platform) {
    return given
        ? new Platform(
                platform.getOS(),
                platform.getArchitecture(),
                platform.getVariant(),
                platform.getOSVersion(),
                platform.getOSFeaturesList())
            .normalized()
        : Platform.host();
  }
}
