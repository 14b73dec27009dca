package dev.buildd.daemon;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveImageConfigResponse;
import dev.buildd.proto.gateway.ResolveSourceImageResponse;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.image.ImageResolver;
import dev.buildd.solver.source.image.ResolveMode;
import dev.buildd.solver.source.image.ResolvedImage;

/** Tells frontends what sources are before anything is built of them. */
final class MetaResolver {
  private static final String IMAGE = "docker-image://";

  private final ImageResolver images;
  private final SessionManager sessions;

  MetaResolver(ImageResolver images, SessionManager sessions) {
    this.images = images;
    this.sessions = sessions;
  }

  ResolveImageConfigResponse image(ResolveImageConfigRequest request, Job job) throws Exception {
    if (request.getResolverType() != 0) {
      throw new BuildException(
          Category.UNIMPLEMENTED, "OCI layouts are not supported by this daemon yet");
    }
    Platform platform = platform(request.hasPlatform(), request.getPlatform());
    ResolvedImage image =
        resolve(request.getRef(), platform, request.getResolveMode(), request.getLogName(), job);
    return ResolveImageConfigResponse.newBuilder()
        .setRef(image.reference().toString())
        .setDigest(image.root().digest().toString())
        .setConfig(ByteString.copyFrom(image.config()))
        .build();
  }

  ResolveSourceMetaResponse source(ResolveSourceMetaRequest request, Job job) throws Exception {
    String identifier = request.getSource().getIdentifier();
    if (!identifier.startsWith(IMAGE)) {
      return ResolveSourceMetaResponse.newBuilder().setSource(request.getSource()).build();
    }
    Platform platform = platform(request.hasPlatform(), request.getPlatform());
    ResolvedImage image =
        resolve(
            identifier.substring(IMAGE.length()),
            platform,
            request.getResolveMode(),
            request.getLogName(),
            job);
    return ResolveSourceMetaResponse.newBuilder()
        .setSource(request.getSource().toBuilder().setIdentifier(IMAGE + image.reference()))
        .setImage(
            ResolveSourceImageResponse.newBuilder()
                .setDigest(image.root().digest().toString())
                .setConfig(ByteString.copyFrom(image.config())))
        .build();
  }

  private ResolvedImage resolve(
      String reference, Platform platform, String mode, String logName, Job job) throws Exception {
    String name = logName.isEmpty() ? "resolve image config for " + IMAGE + reference : logName;
    VertexProgress progress = job.vertex(Digest.of(IMAGE + reference + platform.format()), name);
    progress.started();
    try {
      ResolvedImage image =
          images.resolveConfig(
              reference,
              platform,
              ResolveMode.parse(mode),
              SessionGroup.of(sessions, job.session()));
      progress.completed(null);
      return image;
    } catch (Exception e) {
      progress.completed(e);
      throw e;
    }
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
