package dev.buildd.gateway;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Platform;
import dev.buildd.base.linux.FileNames;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.ResolveMode;
import dev.buildd.proto.apicaps.APICap;
import dev.buildd.proto.gateway.CacheOptionsEntry;
import dev.buildd.proto.gateway.EvaluateRequest;
import dev.buildd.proto.gateway.FileRange;
import dev.buildd.proto.gateway.InputsRequest;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.PingRequest;
import dev.buildd.proto.gateway.PongResponse;
import dev.buildd.proto.gateway.ReadDirRequest;
import dev.buildd.proto.gateway.ReadFileRequest;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.RefMap;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveImageConfigResponse;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.proto.gateway.ReturnRequest;
import dev.buildd.proto.gateway.SolveRequest;
import dev.buildd.proto.gateway.SolveResponse;
import dev.buildd.proto.gateway.StatFileRequest;
import dev.buildd.proto.gateway.WarnRequest;
import dev.buildd.session.filesync.FileStat;
import dev.buildd.session.rpc.Calls;
import dev.buildd.session.rpc.Statuses;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The gateway of a daemon over a connection, bound to one build. */
public final class GrpcGateway implements GatewayClient {
  private static final Metadata.Key<String> BUILD_ID =
      Metadata.Key.of("buildkit-controlapi-buildid", Metadata.ASCII_STRING_MARSHALLER);

  private final Channel channel;
  private final Optional<String> buildId;
  private final String sessionId;
  private final Map<String, String> options;
  private final PongResponse pong;

  private GrpcGateway(
      Channel channel,
      Optional<String> buildId,
      String sessionId,
      Map<String, String> options,
      PongResponse pong) {
    this.channel = channel;
    this.buildId = buildId;
    this.sessionId = sessionId;
    this.options = Map.copyOf(options);
    this.pong = pong;
  }

  /**
   * Greets the daemon.
   *
   * @param buildId which build this is for, on a connection that serves several
   */
  public static GrpcGateway connect(
      Channel channel, Optional<String> buildId, String sessionId, Map<String, String> options)
      throws InterruptedException {
    PongResponse pong =
        Calls.unary(
            channel,
            LLBBridgeGrpc.getPingMethod(),
            headers(buildId),
            PingRequest.getDefaultInstance(),
            CallOptions.DEFAULT);
    return new GrpcGateway(channel, buildId, sessionId, options, pong);
  }

  /** A filesystem of a running build, of which only the id is known. */
  public static Reference reference(Channel channel, String buildId, String id) {
    GrpcGateway gateway =
        new GrpcGateway(
            channel, Optional.of(buildId), "", Map.of(), PongResponse.getDefaultInstance());
    return gateway.new Remote(Ref.newBuilder().setId(id).build());
  }

  private static Metadata headers(Optional<String> buildId) {
    Metadata headers = new Metadata();
    buildId.ifPresent(id -> headers.put(BUILD_ID, id));
    return headers;
  }

  private <Q, P> P call(MethodDescriptor<Q, P> method, Q request) throws InterruptedException {
    return Calls.unary(channel, method, headers(buildId), request, CallOptions.DEFAULT);
  }

  private <Q, P> P call(String doing, MethodDescriptor<Q, P> method, Q request)
      throws InterruptedException {
    try {
      return call(method, request);
    } catch (StatusRuntimeException e) {
      throw SolveException.of(doing, e);
    }
  }

  @Override
  public Map<String, String> options() {
    return options;
  }

  @Override
  public String sessionId() {
    return sessionId;
  }

  @Override
  public List<WorkerInfo> workers() {
    return pong.getWorkersList().stream().map(WorkerInfo::of).toList();
  }

  @Override
  public Set<String> frontendCaps() {
    return enabled(pong.getFrontendAPICapsList());
  }

  @Override
  public Set<String> llbCaps() {
    return enabled(pong.getLLBCapsList());
  }

  private static Set<String> enabled(List<APICap> caps) {
    Set<String> out = new HashSet<>();
    for (APICap cap : caps) {
      if (cap.getEnabled()) {
        out.add(cap.getID());
      }
    }
    return out;
  }

  @Override
  public Map<String, Definition> inputs() throws InterruptedException {
    Map<String, Definition> out = new LinkedHashMap<>();
    call("inputs", LLBBridgeGrpc.getInputsMethod(), InputsRequest.getDefaultInstance())
        .getDefinitionsMap()
        .forEach((name, definition) -> out.put(name, Definition.of(definition)));
    return out;
  }

  /** Fails with the status as it came, so that it can be returned with all details. */
  @Override
  public Result solve(Request request) throws InterruptedException {
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
    SolveResponse response = call(LLBBridgeGrpc.getSolveMethod(), out.build());
    dev.buildd.proto.gateway.Result result = response.getResult();
    Map<String, Reference> named = new LinkedHashMap<>();
    result.getRefs().getRefsMap().forEach((name, ref) -> named.put(name, new Remote(ref)));
    result
        .getRefsDeprecated()
        .getRefsMap()
        .forEach((name, id) -> named.put(name, new Remote(Ref.newBuilder().setId(id).build())));
    String old =
        result.getRefDeprecated().isEmpty() ? response.getRef() : result.getRefDeprecated();
    Optional<Reference> single =
        result.hasRef() && !result.getRef().getId().isEmpty()
            ? Optional.of(new Remote(result.getRef()))
            : old.isEmpty()
                ? Optional.empty()
                : Optional.of(new Remote(Ref.newBuilder().setId(old).build()));
    return new Result(single, named, result.getMetadataMap(), result.getAttestationsMap());
  }

  @Override
  public ImageMetaResolver.Resolved resolveImageConfig(
      String reference, Optional<Platform> platform, ResolveMode mode, String logName)
      throws InterruptedException {
    ResolveImageConfigRequest.Builder request =
        ResolveImageConfigRequest.newBuilder()
            .setRef(reference)
            .setLogName(logName)
            .setResolveMode(
                switch (mode) {
                  case DEFAULT -> "default";
                  case FORCE_PULL -> "pull";
                  case PREFER_LOCAL -> "local";
                });
    platform.ifPresent(p ->
        request.setPlatform(
            dev.buildd.proto.pb.Platform.newBuilder()
                .setOS(p.os())
                .setArchitecture(p.architecture())
                .setVariant(p.variant())
                .setOSVersion(p.osVersion())
                .addAllOSFeatures(p.osFeatures())));
    ResolveImageConfigResponse response =
        call("image " + reference, LLBBridgeGrpc.getResolveImageConfigMethod(), request.build());
    return new ImageMetaResolver.Resolved(
        response.getRef().isEmpty() ? reference : response.getRef(),
        response.getDigest(),
        response.getConfig().toByteArray());
  }

  @Override
  public ResolveSourceMetaResponse resolveSourceMeta(ResolveSourceMetaRequest request)
      throws InterruptedException {
    return call(
        request.getSource().getIdentifier(), LLBBridgeGrpc.getResolveSourceMetaMethod(), request);
  }

  @Override
  public void warn(String vertex, Warning warning) throws InterruptedException {
    WarnRequest.Builder request =
        WarnRequest.newBuilder()
            .setDigest(vertex)
            .setLevel(warning.level())
            .setShort(warning.message())
            .addAllDetail(warning.detail())
            .setUrl(warning.url())
            .addAllRanges(warning.ranges());
    warning.source().ifPresent(request::setInfo);
    call("warning", LLBBridgeGrpc.getWarnMethod(), request.build());
  }

  /** Ends the build with a result. */
  public void returnResult(Result result) throws InterruptedException {
    dev.buildd.proto.gateway.Result.Builder out =
        dev.buildd.proto.gateway.Result.newBuilder()
            .putAllMetadata(result.metadata())
            .putAllAttestations(result.attestations());
    if (!result.byName().isEmpty()) {
      RefMap.Builder refs = RefMap.newBuilder();
      result.byName().forEach((name, reference) -> refs.putRefs(name, toProto(reference)));
      out.setRefs(refs);
    } else {
      out.setRef(result.single().map(GrpcGateway::toProto).orElse(Ref.getDefaultInstance()));
    }
    call(
        "return",
        LLBBridgeGrpc.getReturnMethod(),
        ReturnRequest.newBuilder().setResult(out).build());
  }

  /** Ends the build with a failure. */
  public void returnError(Throwable failure) throws InterruptedException {
    com.google.rpc.Status status = StatusProto.fromThrowable(failure);
    if (status == null) {
      StatusRuntimeException told = Statuses.of(failure);
      status =
          com.google.rpc.Status.newBuilder()
              .setCode(told.getStatus().getCode().value())
              .setMessage(Statuses.textOf(told))
              .build();
    }
    call(
        "return",
        LLBBridgeGrpc.getReturnMethod(),
        ReturnRequest.newBuilder().setError(status).build());
  }

  private static Ref toProto(Reference reference) {
    Ref.Builder ref = Ref.newBuilder().setId(reference.id());
    reference.definition().ifPresent(definition -> ref.setDef(definition.toProto()));
    return ref.build();
  }

  private static FileStat stat(dev.buildd.proto.fsutil.Stat stat) {
    Map<String, byte[]> xattrs = new LinkedHashMap<>();
    stat.getXattrsMap().forEach((name, value) -> xattrs.put(name, value.toByteArray()));
    return new FileStat(
        FileNames.text(stat.getPath().toByteArray()),
        stat.getMode(),
        stat.getUid(),
        stat.getGid(),
        stat.getSize(),
        stat.getModTime(),
        FileNames.text(stat.getLinkname().toByteArray()),
        stat.getDevmajor(),
        stat.getDevminor(),
        new java.util.TreeMap<>(xattrs));
  }

  /** A filesystem that the daemon holds. */
  private final class Remote implements Reference {
    private final Ref ref;

    Remote(Ref ref) {
      this.ref = ref;
    }

    @Override
    public String id() {
      return ref.getId();
    }

    @Override
    public Optional<Definition> definition() {
      return ref.hasDef() ? Optional.of(Definition.of(ref.getDef())) : Optional.empty();
    }

    @Override
    public byte[] readFile(String path) throws InterruptedException {
      return readFile(path, Optional.empty());
    }

    @Override
    public byte[] readFile(String path, long offset, long length) throws InterruptedException {
      return readFile(
          path, Optional.of(FileRange.newBuilder().setOffset(offset).setLength(length).build()));
    }

    private byte[] readFile(String path, Optional<FileRange> range) throws InterruptedException {
      ReadFileRequest.Builder request =
          ReadFileRequest.newBuilder().setRef(ref.getId()).setFilePath(path);
      range.ifPresent(request::setRange);
      ByteString data =
          call("read " + path, LLBBridgeGrpc.getReadFileMethod(), request.build()).getData();
      return data.toByteArray();
    }

    @Override
    public List<FileStat> readDir(String path, String includePattern) throws InterruptedException {
      return call(
              "read directory " + path,
              LLBBridgeGrpc.getReadDirMethod(),
              ReadDirRequest.newBuilder()
                  .setRef(ref.getId())
                  .setDirPath(path)
                  .setIncludePattern(includePattern)
                  .build())
          .getEntriesList()
          .stream()
          .map(GrpcGateway::stat)
          .toList();
    }

    @Override
    public FileStat statFile(String path) throws InterruptedException {
      return stat(
          call(
                  "stat " + path,
                  LLBBridgeGrpc.getStatFileMethod(),
                  StatFileRequest.newBuilder().setRef(ref.getId()).setPath(path).build())
              .getStat());
    }

    @Override
    public void evaluate() throws InterruptedException {
      call(
          "evaluate",
          LLBBridgeGrpc.getEvaluateMethod(),
          EvaluateRequest.newBuilder().setRef(ref.getId()).build());
    }
  }
}
