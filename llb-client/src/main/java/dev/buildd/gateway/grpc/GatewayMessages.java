package dev.buildd.gateway.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.Definition;
import dev.buildd.llb.PlatformMessages;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.proto.gateway.AttestationChain;
import dev.buildd.proto.gateway.AttestationKind;
import dev.buildd.proto.gateway.Attestations;
import dev.buildd.proto.gateway.Blob;
import dev.buildd.proto.gateway.CacheOptionsEntry;
import dev.buildd.proto.gateway.ChecksumRequest;
import dev.buildd.proto.gateway.ChecksumResponse;
import dev.buildd.proto.gateway.InTotoSubject;
import dev.buildd.proto.gateway.InTotoSubjectKind;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.RefMap;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveSourceGitResponse;
import dev.buildd.proto.gateway.ResolveSourceHTTPResponse;
import dev.buildd.proto.gateway.ResolveSourceImageRequest;
import dev.buildd.proto.gateway.ResolveSourceImageResponse;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.proto.gateway.SolveRequest;
import dev.buildd.proto.gateway.WarnRequest;
import dev.buildd.proto.pb.SourceOp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * What frontends and daemons say to each other, as it goes over the wire (wire.md section 6); of
 * use to both ends.
 */
public final class GatewayMessages {
  private static final int LAYOUT_RESOLVER = 1;

  private GatewayMessages() {}

  // --- small things ---

  public static Map<String, Definition> definitions(
      Map<String, dev.buildd.proto.pb.Definition> messages) {
    Map<String, Definition> out = new LinkedHashMap<>();
    messages.forEach((name, message) -> out.put(name, Definition.of(message)));
    return out;
  }

  private static Map<String, byte[]> bytes(Map<String, ByteString> messages) {
    Map<String, byte[]> out = new LinkedHashMap<>();
    messages.forEach((name, value) -> out.put(name, value.toByteArray()));
    return out;
  }

  // --- solving ---

  static SolveRequest toProto(GatewayClient.Request request) {
    SolveRequest.Builder out =
        SolveRequest.newBuilder()
            .setFrontend(request.frontend())
            .putAllFrontendOpt(request.options())
            .setAllowResultReturn(true)
            .setAllowResultArrayRef(true)
            .setEvaluate(request.evaluate());
    request.definition().ifPresent(definition -> out.setDefinition(definition.toProto()));
    request
        .inputs()
        .forEach((name, definition) -> out.putFrontendInputs(name, definition.toProto()));
    request
        .cacheImports()
        .forEach(entry ->
            out.addCacheImports(
                CacheOptionsEntry.newBuilder().setType(entry.type()).putAllAttrs(entry.attrs())));
    return out.build();
  }

  public static GatewayClient.Request of(SolveRequest request) {
    return new GatewayClient.Request(
        request.hasDefinition()
            ? Optional.of(Definition.of(request.getDefinition()))
            : Optional.empty(),
        request.getFrontend(),
        request.getFrontendOptMap(),
        definitions(request.getFrontendInputsMap()),
        request.getCacheImportsList().stream()
            .map(entry -> new CacheEntry(entry.getType(), entry.getAttrsMap()))
            .toList(),
        request.getEvaluate());
  }

  // --- results ---

  private static Ref toProto(Optional<Reference> reference) {
    Ref.Builder out = Ref.newBuilder();
    reference.ifPresent(ref -> {
      out.setId(ref.id());
      ref.definition().ifPresent(definition -> out.setDef(definition.toProto()));
    });
    return out.build();
  }

  /** In the form of today's clients. */
  public static dev.buildd.proto.gateway.Result toProto(Result result) {
    dev.buildd.proto.gateway.Result.Builder out = dev.buildd.proto.gateway.Result.newBuilder();
    result.metadata().forEach((key, value) -> out.putMetadata(key, ByteString.copyFrom(value)));
    result
        .attestations()
        .forEach((name, of) -> {
          Attestations.Builder all = Attestations.newBuilder();
          of.forEach(one -> all.addAttestation(toProto(one)));
          out.putAttestations(name, all.build());
        });
    if (result.byName().isEmpty()) {
      out.setRef(toProto(result.single()));
    } else {
      RefMap.Builder refs = RefMap.newBuilder();
      result.byName().forEach((name, reference) -> refs.putRefs(name, toProto(reference)));
      out.setRefs(refs);
    }
    return out.build();
  }

  /**
   * A result in any of the forms that there are.
   *
   * @param references what ids stand for; asked only for those that are not empty
   */
  public static Result of(
      dev.buildd.proto.gateway.Result message, Function<Ref, Reference> references) {
    Optional<Reference> single = Optional.empty();
    Map<String, Optional<Reference>> byName = new LinkedHashMap<>();
    switch (message.getResultCase()) {
      case REF -> single = find(message.getRef(), references);
      case REFDEPRECATED -> single = find(message.getRefDeprecated(), references);
      case REFS ->
          message
              .getRefs()
              .getRefsMap()
              .forEach((name, ref) -> byName.put(name, find(ref, references)));
      case REFSDEPRECATED ->
          message
              .getRefsDeprecated()
              .getRefsMap()
              .forEach((name, id) -> byName.put(name, find(id, references)));
      case RESULT_NOT_SET -> {}
    }
    Map<String, List<Attestation>> attestations = new LinkedHashMap<>();
    message
        .getAttestationsMap()
        .forEach((name, all) ->
            attestations.put(
                name, all.getAttestationList().stream().map(one -> of(one, references)).toList()));
    return new Result(single, byName, bytes(message.getMetadataMap()), attestations);
  }

  private static Optional<Reference> find(Ref ref, Function<Ref, Reference> references) {
    return ref.getId().isEmpty() ? Optional.empty() : Optional.of(references.apply(ref));
  }

  private static Optional<Reference> find(String id, Function<Ref, Reference> references) {
    return find(Ref.newBuilder().setId(id).build(), references);
  }

  private static dev.buildd.proto.gateway.Attestation toProto(Attestation attestation) {
    dev.buildd.proto.gateway.Attestation.Builder out =
        dev.buildd.proto.gateway.Attestation.newBuilder()
            .setKind(
                switch (attestation.kind()) {
                  case IN_TOTO -> AttestationKind.InToto;
                  case BUNDLE -> AttestationKind.Bundle;
                })
            .setRef(toProto(attestation.reference()))
            .setPath(attestation.path())
            .setInTotoPredicateType(attestation.predicateType());
    attestation
        .metadata()
        .forEach((key, value) -> out.putMetadata(key, ByteString.copyFrom(value)));
    for (Attestation.Subject subject : attestation.subjects()) {
      out.addInTotoSubjects(
          InTotoSubject.newBuilder()
              .setKind(subject.self() ? InTotoSubjectKind.Self : InTotoSubjectKind.Raw)
              .setName(subject.name())
              .addAllDigest(subject.digests()));
    }
    return out.build();
  }

  private static Attestation of(
      dev.buildd.proto.gateway.Attestation message, Function<Ref, Reference> references) {
    return new Attestation(
        switch (message.getKind()) {
          case InToto -> Attestation.Kind.IN_TOTO;
          case Bundle -> Attestation.Kind.BUNDLE;
          case UNRECOGNIZED ->
              throw BuildException.invalid("unknown attestation kind " + message.getKindValue());
        },
        bytes(message.getMetadataMap()),
        find(message.getRef(), references),
        message.getPath(),
        message.getInTotoPredicateType(),
        message.getInTotoSubjectsList().stream()
            .map(subject ->
                new Attestation.Subject(
                    subject.getKind() == InTotoSubjectKind.Self,
                    subject.getName(),
                    subject.getDigestList()))
            .toList());
  }

  // --- what sources are ---

  static ResolveImageConfigRequest toProto(ImageRequest request) {
    ResolveImageConfigRequest.Builder out =
        ResolveImageConfigRequest.newBuilder()
            .setRef(request.reference())
            .setLogName(request.logName())
            .setResolveMode(request.mode().text());
    request.platform().ifPresent(platform -> out.setPlatform(PlatformMessages.toProto(platform)));
    request
        .layout()
        .ifPresent(layout ->
            out.setResolverType(LAYOUT_RESOLVER)
                .setSessionID(layout.session())
                .setStoreID(layout.store()));
    return out.build();
  }

  public static ImageRequest of(ResolveImageConfigRequest request) {
    return new ImageRequest(
        request.getRef(),
        request.hasPlatform()
            ? Optional.of(PlatformMessages.of(request.getPlatform()))
            : Optional.empty(),
        ResolveMode.parse(request.getResolveMode()),
        request.getLogName(),
        request.getResolverType() == LAYOUT_RESOLVER
            ? Optional.of(new ImageRequest.Layout(request.getSessionID(), request.getStoreID()))
            : Optional.empty());
  }

  static ResolveSourceMetaRequest toProto(SourceMetaRequest request) {
    ResolveSourceMetaRequest.Builder out =
        ResolveSourceMetaRequest.newBuilder()
            .setSource(
                SourceOp.newBuilder()
                    .setIdentifier(request.identifier())
                    .putAllAttrs(request.attributes()))
            .setLogName(request.logName())
            .setResolveMode(request.mode().text())
            .setImage(
                ResolveSourceImageRequest.newBuilder()
                    .setNoConfig(!request.image().config())
                    .setAttestationChain(request.image().attestationChain())
                    .addAllResolveAttestations(request.image().attestations()));
    out.getGitBuilder().setReturnObject(request.gitObject());
    request.platform().ifPresent(platform -> out.setPlatform(PlatformMessages.toProto(platform)));
    request
        .checksum()
        .ifPresent(checksum ->
            out.getHTTPBuilder()
                .setChecksumRequest(
                    ChecksumRequest.newBuilder()
                        .setAlgo(
                            switch (checksum.algorithm()) {
                              case SHA256 -> ChecksumRequest.ChecksumAlgo.CHECKSUM_ALGO_SHA256;
                              case SHA384 -> ChecksumRequest.ChecksumAlgo.CHECKSUM_ALGO_SHA384;
                              case SHA512 -> ChecksumRequest.ChecksumAlgo.CHECKSUM_ALGO_SHA512;
                            })
                        .setSuffix(ByteString.copyFrom(checksum.suffix()))));
    return out.build();
  }

  public static SourceMetaRequest of(ResolveSourceMetaRequest request) {
    ResolveSourceImageRequest image = request.getImage();
    return new SourceMetaRequest(
        request.getSource().getIdentifier(),
        request.getSource().getAttrsMap(),
        request.hasPlatform()
            ? Optional.of(PlatformMessages.of(request.getPlatform()))
            : Optional.empty(),
        request.getLogName(),
        ResolveMode.parse(request.getResolveMode()),
        new SourceMetaRequest.Image(
            !image.getNoConfig(), image.getAttestationChain(), image.getResolveAttestationsList()),
        request.getGit().getReturnObject(),
        request.getHTTP().hasChecksumRequest()
            ? Optional.of(checksum(request.getHTTP().getChecksumRequest()))
            : Optional.empty());
  }

  private static SourceMetaRequest.Checksum checksum(ChecksumRequest request) {
    return new SourceMetaRequest.Checksum(
        switch (request.getAlgo()) {
          case CHECKSUM_ALGO_SHA256 -> Digest.Algorithm.SHA256;
          case CHECKSUM_ALGO_SHA384 -> Digest.Algorithm.SHA384;
          case CHECKSUM_ALGO_SHA512 -> Digest.Algorithm.SHA512;
          case UNRECOGNIZED -> throw BuildException.invalid("unsupported checksum algorithm");
        },
        request.getSuffix().toByteArray());
  }

  public static ResolveSourceMetaResponse toProto(SourceMeta meta) {
    ResolveSourceMetaResponse.Builder out =
        ResolveSourceMetaResponse.newBuilder()
            .setSource(
                SourceOp.newBuilder()
                    .setIdentifier(meta.identifier())
                    .putAllAttrs(meta.attributes()));
    meta.image().ifPresent(image -> out.setImage(toProto(image)));
    meta.git()
        .ifPresent(git ->
            out.setGit(
                ResolveSourceGitResponse.newBuilder()
                    .setChecksum(git.checksum())
                    .setRef(git.ref())
                    .setCommitChecksum(git.commitChecksum())
                    .setCommitObject(ByteString.copyFrom(git.commitObject()))
                    .setTagObject(ByteString.copyFrom(git.tagObject()))));
    meta.http().ifPresent(http -> out.setHTTP(toProto(http)));
    return out.build();
  }

  private static ResolveSourceImageResponse toProto(SourceMeta.Image image) {
    ResolveSourceImageResponse.Builder out =
        ResolveSourceImageResponse.newBuilder()
            .setDigest(image.digest())
            .setConfig(ByteString.copyFrom(image.config()));
    image.attestations().ifPresent(chain -> out.setAttestationChain(toProto(chain)));
    return out.build();
  }

  private static AttestationChain toProto(SourceMeta.AttestationChain chain) {
    AttestationChain.Builder out =
        AttestationChain.newBuilder()
            .setRoot(chain.root())
            .setImageManifest(chain.imageManifest())
            .setAttestationManifest(chain.attestationManifest())
            .addAllSignatureManifests(chain.signatureManifests());
    chain
        .blobs()
        .forEach((digest, blob) ->
            out.putBlobs(
                digest,
                Blob.newBuilder()
                    .setBlobDescriptor(
                        dev.buildd.proto.gateway.Descriptor.newBuilder()
                            .setMediaType(blob.descriptor().mediaType())
                            .setDigest(blob.descriptor().digest().toString())
                            .setSize(blob.descriptor().size())
                            .putAllAnnotations(blob.descriptor().annotations()))
                    .setData(ByteString.copyFrom(blob.data()))
                    .build()));
    return out.build();
  }

  private static ResolveSourceHTTPResponse toProto(SourceMeta.Http http) {
    ResolveSourceHTTPResponse.Builder out =
        ResolveSourceHTTPResponse.newBuilder()
            .setChecksum(http.checksum())
            .setFilename(http.filename());
    http.lastModified()
        .ifPresent(
            at -> out.setLastModified(Timestamp.newBuilder().setSeconds(at.getEpochSecond())));
    http.suffixed()
        .ifPresent(suffixed ->
            out.setChecksumResponse(
                ChecksumResponse.newBuilder()
                    .setDigest(suffixed.digest())
                    .setSuffix(ByteString.copyFrom(suffixed.suffix()))));
    return out.build();
  }

  static SourceMeta of(ResolveSourceMetaResponse response) {
    return new SourceMeta(
        response.getSource().getIdentifier(),
        response.getSource().getAttrsMap(),
        response.hasImage() ? Optional.of(of(response.getImage())) : Optional.empty(),
        response.hasGit()
            ? Optional.of(
                new SourceMeta.Git(
                    response.getGit().getChecksum(),
                    response.getGit().getRef(),
                    response.getGit().getCommitChecksum(),
                    response.getGit().getCommitObject().toByteArray(),
                    response.getGit().getTagObject().toByteArray()))
            : Optional.empty(),
        response.hasHTTP() ? Optional.of(of(response.getHTTP())) : Optional.empty());
  }

  private static SourceMeta.Image of(ResolveSourceImageResponse image) {
    return new SourceMeta.Image(
        image.getDigest(),
        image.getConfig().toByteArray(),
        image.hasAttestationChain()
            ? Optional.of(of(image.getAttestationChain()))
            : Optional.empty());
  }

  private static SourceMeta.AttestationChain of(AttestationChain chain) {
    Map<String, SourceMeta.Blob> blobs = new LinkedHashMap<>();
    chain.getBlobsMap().forEach((digest, blob) -> blobs.put(digest, of(blob)));
    return new SourceMeta.AttestationChain(
        chain.getRoot(),
        chain.getImageManifest(),
        chain.getAttestationManifest(),
        chain.getSignatureManifestsList(),
        blobs);
  }

  private static SourceMeta.Blob of(Blob blob) {
    dev.buildd.proto.gateway.Descriptor is = blob.getBlobDescriptor();
    return new SourceMeta.Blob(
        new Descriptor(
            is.getMediaType(),
            Digest.parse(is.getDigest()),
            is.getSize(),
            Optional.empty(),
            is.getAnnotationsMap(),
            List.of()),
        blob.getData().toByteArray());
  }

  private static SourceMeta.Http of(ResolveSourceHTTPResponse http) {
    return new SourceMeta.Http(
        http.getChecksum(),
        http.getFilename(),
        http.hasLastModified()
            ? Optional.of(Instant.ofEpochSecond(http.getLastModified().getSeconds()))
            : Optional.empty(),
        http.hasChecksumResponse()
            ? Optional.of(
                new SourceMeta.Suffixed(
                    http.getChecksumResponse().getDigest(),
                    http.getChecksumResponse().getSuffix().toByteArray()))
            : Optional.empty());
  }

  // --- warnings ---

  static WarnRequest toProto(String vertex, GatewayClient.Warning warning) {
    WarnRequest.Builder out =
        WarnRequest.newBuilder()
            .setDigest(vertex)
            .setLevel(warning.level())
            .setShort(ByteString.copyFrom(warning.message()))
            .setUrl(warning.url());
    warning.detail().forEach(line -> out.addDetail(ByteString.copyFrom(line)));
    warning.source().ifPresent(source -> out.setInfo(source.toProto()));
    warning.spans().forEach(span -> out.addRanges(span.toProto()));
    return out.build();
  }

  /** The warning, without the step that it is of. */
  public static GatewayClient.Warning of(WarnRequest request) {
    List<byte[]> detail = new ArrayList<>();
    request.getDetailList().forEach(line -> detail.add(line.toByteArray()));
    return new GatewayClient.Warning(
        (int) request.getLevel(),
        request.getShort().toByteArray(),
        detail,
        request.getUrl(),
        request.hasInfo() ? Optional.of(SourceInfo.of(request.getInfo())) : Optional.empty(),
        request.getRangesList().stream().map(SourceMap.Span::of).toList());
  }
}
