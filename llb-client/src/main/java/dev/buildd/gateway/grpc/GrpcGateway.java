package dev.buildd.gateway.grpc;

import dev.buildd.base.text.Ids;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.proto.apicaps.APICap;
import dev.buildd.proto.gateway.EvaluateRequest;
import dev.buildd.proto.gateway.FileRange;
import dev.buildd.proto.gateway.InputsRequest;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.PingRequest;
import dev.buildd.proto.gateway.PongResponse;
import dev.buildd.proto.gateway.ReadDirRequest;
import dev.buildd.proto.gateway.ReadFileRequest;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.ResolveImageConfigResponse;
import dev.buildd.proto.gateway.ReturnRequest;
import dev.buildd.proto.gateway.SolveResponse;
import dev.buildd.proto.gateway.StatFileRequest;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.transfer.StatMessages;
import dev.buildd.session.rpc.Calls;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import java.util.HashSet;
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
  private final String product;
  private final Map<String, String> options;
  private final PongResponse pong;

  private GrpcGateway(
      Channel channel,
      Optional<String> buildId,
      String sessionId,
      String product,
      Map<String, String> options,
      PongResponse pong) {
    this.channel = channel;
    this.buildId = buildId;
    this.sessionId = sessionId;
    this.product = product;
    this.options = Map.copyOf(options);
    this.pong = pong;
  }

  /**
   * Greets the daemon.
   *
   * @param buildId which build this is for, on a connection that serves several
   * @param product which runs the frontend; empty if nobody says
   */
  public static GrpcGateway connect(
      Channel channel,
      Optional<String> buildId,
      String sessionId,
      String product,
      Map<String, String> options)
      throws InterruptedException {
    PongResponse pong =
        call(channel, buildId, LLBBridgeGrpc.getPingMethod(), PingRequest.getDefaultInstance());
    return new GrpcGateway(channel, buildId, sessionId, product, options, pong);
  }

  /** A filesystem of a running build, of which only the id is known. */
  public static Reference reference(Channel channel, String buildId, String id) {
    GrpcGateway gateway =
        new GrpcGateway(
            channel, Optional.of(buildId), "", "", Map.of(), PongResponse.getDefaultInstance());
    return gateway.new Remote(Ref.newBuilder().setId(id).build());
  }

  private static Metadata headers(Optional<String> buildId) {
    Metadata headers = new Metadata();
    buildId.ifPresent(id -> headers.put(BUILD_ID, id));
    return headers;
  }

  <Q, P> P call(MethodDescriptor<Q, P> method, Q request) throws InterruptedException {
    return call(channel, buildId, method, request);
  }

  private static <Q, P> P call(
      Channel channel, Optional<String> buildId, MethodDescriptor<Q, P> method, Q request)
      throws InterruptedException {
    try {
      return Calls.unary(channel, method, headers(buildId), request, CallOptions.DEFAULT);
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of(e);
    }
  }

  /** Starts a call of many messages. */
  <Q, P> MessageStream<Q, P> stream(MethodDescriptor<Q, P> method) {
    return MessageStream.call(channel, method, headers(buildId));
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
  public String product() {
    return product;
  }

  @Override
  public List<WorkerInfo> workers() {
    return pong.getWorkersList().stream().map(WorkerMessages::of).toList();
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
    return GatewayMessages.definitions(
        call(LLBBridgeGrpc.getInputsMethod(), InputsRequest.getDefaultInstance())
            .getDefinitionsMap());
  }

  @Override
  public Result solve(Request request) throws InterruptedException {
    SolveResponse response = call(LLBBridgeGrpc.getSolveMethod(), GatewayMessages.toProto(request));
    dev.buildd.proto.gateway.Result result = response.getResult();
    if (result.getResultCase() == dev.buildd.proto.gateway.Result.ResultCase.RESULT_NOT_SET) {
      result = result.toBuilder().setRefDeprecated(response.getRef()).build();
    }
    return GatewayMessages.of(result, Remote::new);
  }

  @Override
  public ImageMetaResolver.Resolved resolveImageConfig(ImageRequest request)
      throws InterruptedException {
    ResolveImageConfigResponse response =
        call(LLBBridgeGrpc.getResolveImageConfigMethod(), GatewayMessages.toProto(request));
    return new ImageMetaResolver.Resolved(
        response.getRef().isEmpty() ? request.reference() : response.getRef(),
        response.getDigest(),
        response.getConfig().toByteArray());
  }

  @Override
  public SourceMeta resolveSourceMeta(SourceMetaRequest request) throws InterruptedException {
    return GatewayMessages.of(
        call(LLBBridgeGrpc.getResolveSourceMetaMethod(), GatewayMessages.toProto(request)));
  }

  @Override
  public GatewayContainer newContainer(ContainerRequest request) throws InterruptedException {
    String id = Ids.random();
    call(LLBBridgeGrpc.getNewContainerMethod(), ContainerMessages.toProto(id, request));
    return new GrpcContainer(this, id);
  }

  @Override
  public void warn(String vertex, Warning warning) throws InterruptedException {
    call(LLBBridgeGrpc.getWarnMethod(), GatewayMessages.toProto(vertex, warning));
  }

  /** Ends the build with a result. */
  public void returnResult(Result result) throws InterruptedException {
    call(
        LLBBridgeGrpc.getReturnMethod(),
        ReturnRequest.newBuilder().setResult(GatewayMessages.toProto(result)).build());
  }

  /** Ends the build with a failure. */
  public void returnError(Throwable failure) throws InterruptedException {
    call(
        LLBBridgeGrpc.getReturnMethod(),
        ReturnRequest.newBuilder().setError(FailureCodec.toProto(failure)).build());
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
      return call(LLBBridgeGrpc.getReadFileMethod(), request.build()).getData().toByteArray();
    }

    @Override
    public List<FileStat> readDir(String path, String includePattern) throws InterruptedException {
      return call(
              LLBBridgeGrpc.getReadDirMethod(),
              ReadDirRequest.newBuilder()
                  .setRef(ref.getId())
                  .setDirPath(path)
                  .setIncludePattern(includePattern)
                  .build())
          .getEntriesList()
          .stream()
          .map(StatMessages::fromProto)
          .toList();
    }

    @Override
    public FileStat statFile(String path) throws InterruptedException {
      return StatMessages.fromProto(
          call(
                  LLBBridgeGrpc.getStatFileMethod(),
                  StatFileRequest.newBuilder().setRef(ref.getId()).setPath(path).build())
              .getStat());
    }

    @Override
    public void evaluate() throws InterruptedException {
      call(
          LLBBridgeGrpc.getEvaluateMethod(),
          EvaluateRequest.newBuilder().setRef(ref.getId()).build());
    }
  }
}
