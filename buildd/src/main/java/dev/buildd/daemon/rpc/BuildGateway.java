package dev.buildd.daemon.rpc;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.text.GoQuote;
import dev.buildd.daemon.build.ClientFrontends;
import dev.buildd.daemon.build.Refusals;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.grpc.ContainerMessages;
import dev.buildd.gateway.grpc.GatewayMessages;
import dev.buildd.gateway.grpc.WorkerMessages;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.proto.apicaps.APICap;
import dev.buildd.proto.gateway.EvaluateRequest;
import dev.buildd.proto.gateway.EvaluateResponse;
import dev.buildd.proto.gateway.FileRange;
import dev.buildd.proto.gateway.InputsResponse;
import dev.buildd.proto.gateway.NewContainerRequest;
import dev.buildd.proto.gateway.NewContainerResponse;
import dev.buildd.proto.gateway.PongResponse;
import dev.buildd.proto.gateway.ReadDirRequest;
import dev.buildd.proto.gateway.ReadDirResponse;
import dev.buildd.proto.gateway.ReadFileRequest;
import dev.buildd.proto.gateway.ReadFileResponse;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.RefMapDeprecated;
import dev.buildd.proto.gateway.ReleaseContainerRequest;
import dev.buildd.proto.gateway.ReleaseContainerResponse;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveImageConfigResponse;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.proto.gateway.ReturnRequest;
import dev.buildd.proto.gateway.ReturnResponse;
import dev.buildd.proto.gateway.SolveRequest;
import dev.buildd.proto.gateway.SolveResponse;
import dev.buildd.proto.gateway.StatFileRequest;
import dev.buildd.proto.gateway.StatFileResponse;
import dev.buildd.proto.gateway.WarnRequest;
import dev.buildd.proto.gateway.WarnResponse;
import dev.buildd.session.filesync.transfer.StatMessages;
import io.grpc.protobuf.StatusProto;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Puts what a frontend outside of the daemon asks into the daemon's words, and what it is answered
 * into the wire's (wire.md section 6), until the build ends.
 *
 * <p>Safe for use by many threads.
 */
final class BuildGateway implements ClientFrontends.Opened {
  private static final Pattern CONTAINER_ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,127}");

  private final GatewayClient client;
  private final Consumer<BuildGateway> whenClosed;
  private final Map<String, Reference> references = new HashMap<>(); // guarded by this
  private final Map<String, HeldContainer> containers = new HashMap<>(); // guarded by this
  private @Nullable Result result; // guarded by this
  private @Nullable Exception failure; // guarded by this
  private boolean returned; // guarded by this

  BuildGateway(GatewayClient client, Consumer<BuildGateway> whenClosed) {
    this.client = client;
    this.whenClosed = whenClosed;
  }

  // --- what the build asks of it ---

  @Override
  public synchronized Result await() throws Exception {
    while (!returned) {
      wait();
    }
    return peek().orElseThrow();
  }

  /** What the frontend has returned; empty if it has not yet. */
  synchronized Optional<Result> peek() throws Exception {
    Exception failed = failure;
    if (failed != null) {
      throw failed;
    }
    return returned ? Optional.of(result == null ? Result.empty() : result) : Optional.empty();
  }

  @Override
  public synchronized void show(String id, Reference files) {
    references.putIfAbsent(id, files);
  }

  @Override
  public void close() {
    whenClosed.accept(this);
    List<HeldContainer> left;
    synchronized (this) {
      left = List.copyOf(containers.values());
      containers.clear();
    }
    left.forEach(one -> one.container().close());
  }

  // --- what the frontend asks ---

  PongResponse ping() {
    PongResponse.Builder out = PongResponse.newBuilder();
    client.workers().forEach(worker -> out.addWorkers(WorkerMessages.toProto(worker)));
    client.frontendCaps().forEach(id -> out.addFrontendAPICaps(cap(id)));
    client.llbCaps().forEach(id -> out.addLLBCaps(cap(id)));
    return out.build();
  }

  private static APICap cap(String id) {
    return APICap.newBuilder().setID(id).setEnabled(true).build();
  }

  ResolveImageConfigResponse resolveImageConfig(ResolveImageConfigRequest request)
      throws InterruptedException {
    Refusals.checkPolicies(request.getSourcePoliciesList());
    ImageMetaResolver.Resolved image = client.resolveImageConfig(GatewayMessages.of(request));
    return ResolveImageConfigResponse.newBuilder()
        .setRef(image.reference())
        .setDigest(image.digest())
        .setConfig(ByteString.copyFrom(image.config()))
        .build();
  }

  ResolveSourceMetaResponse resolveSourceMeta(ResolveSourceMetaRequest request)
      throws InterruptedException {
    if (!request.hasSource()) {
      throw BuildException.invalid("source is required");
    }
    Refusals.checkPolicies(request.getSourcePoliciesList());
    return GatewayMessages.toProto(client.resolveSourceMeta(GatewayMessages.of(request)));
  }

  SolveResponse solve(SolveRequest request) throws InterruptedException {
    Refusals.checkPolicies(request.getSourcePoliciesList());
    Result made = client.solve(GatewayMessages.of(request));
    remember(made);
    SolveResponse.Builder response = SolveResponse.newBuilder();
    if (!request.getAllowResultReturn()) {
      if (!made.byName().isEmpty()) {
        throw BuildException.unknown("solve did not return default result", null);
      }
      response.setRef(id(made.single()));
    }
    dev.buildd.proto.gateway.Result message = GatewayMessages.toProto(made);
    return response
        .setResult(request.getAllowResultArrayRef() ? message : withoutDefinitions(message))
        .build();
  }

  private static String id(Optional<Reference> reference) {
    return reference.map(Reference::id).orElse("");
  }

  /** As clients know it that read ids only. */
  private static dev.buildd.proto.gateway.Result withoutDefinitions(
      dev.buildd.proto.gateway.Result message) {
    dev.buildd.proto.gateway.Result.Builder out = message.toBuilder();
    if (message.hasRefs()) {
      RefMapDeprecated.Builder ids = RefMapDeprecated.newBuilder();
      message.getRefs().getRefsMap().forEach((name, ref) -> ids.putRefs(name, ref.getId()));
      return out.setRefsDeprecated(ids).build();
    }
    return out.setRefDeprecated(message.getRef().getId()).build();
  }

  private synchronized void remember(Result made) {
    made.single().ifPresent(this::remember);
    made.byName().values().forEach(one -> one.ifPresent(this::remember));
    for (List<Attestation> all : made.attestations().values()) {
      all.forEach(one -> one.reference().ifPresent(this::remember));
    }
  }

  private synchronized void remember(Reference reference) {
    references.put(reference.id(), reference);
  }

  private synchronized Reference find(String id) {
    Reference reference = references.get(id);
    if (reference == null) {
      throw BuildException.notFound("no such ref: " + id);
    }
    return reference;
  }

  private Reference files(String id) {
    if (id.isEmpty()) {
      throw BuildException.invalid("no files: the result is empty");
    }
    return find(id);
  }

  ReadFileResponse readFile(ReadFileRequest request) throws InterruptedException {
    FileRange range = request.getRange();
    byte[] data =
        files(request.getRef())
            .readFile(request.getFilePath(), range.getOffset(), range.getLength());
    return ReadFileResponse.newBuilder().setData(ByteString.copyFrom(data)).build();
  }

  ReadDirResponse readDir(ReadDirRequest request) throws InterruptedException {
    ReadDirResponse.Builder out = ReadDirResponse.newBuilder();
    files(request.getRef())
        .readDir(request.getDirPath(), request.getIncludePattern())
        .forEach(stat -> out.addEntries(StatMessages.toProto(stat)));
    return out.build();
  }

  StatFileResponse statFile(StatFileRequest request) throws InterruptedException {
    return StatFileResponse.newBuilder()
        .setStat(StatMessages.toProto(files(request.getRef()).statFile(request.getPath())))
        .build();
  }

  EvaluateResponse evaluate(EvaluateRequest request) throws InterruptedException {
    if (!request.getRef().isEmpty()) {
      find(request.getRef()).evaluate();
    }
    return EvaluateResponse.getDefaultInstance();
  }

  InputsResponse inputs() throws InterruptedException {
    InputsResponse.Builder out = InputsResponse.newBuilder();
    client.inputs().forEach((name, input) -> out.putDefinitions(name, input.toProto()));
    return out.build();
  }

  WarnResponse warn(WarnRequest request) throws InterruptedException {
    client.warn(request.getDigest(), GatewayMessages.of(request));
    return WarnResponse.getDefaultInstance();
  }

  // --- containers ---

  /** A container and what went wrong in it. */
  static final class HeldContainer {
    private final GatewayContainer container;
    private com.google.rpc.@Nullable Status failure; // guarded by this

    HeldContainer(GatewayContainer container) {
      this.container = container;
    }

    GatewayContainer container() {
      return container;
    }

    /** Notes the failure of a process. */
    synchronized void failed(com.google.rpc.Status status) {
      if (failure == null) {
        failure = status;
      }
    }

    synchronized Optional<com.google.rpc.Status> failure() {
      return Optional.ofNullable(failure);
    }
  }

  NewContainerResponse newContainer(NewContainerRequest request) throws InterruptedException {
    String id = request.getContainerID();
    if (!CONTAINER_ID.matcher(id).matches()) {
      throw BuildException.invalid("invalid container id " + GoQuote.of(id));
    }
    synchronized (this) {
      checkUnknown(id);
    }
    GatewayContainer made = client.newContainer(ContainerMessages.of(request));
    boolean held = false;
    try {
      synchronized (this) {
        checkUnknown(id);
        containers.put(id, new HeldContainer(made));
      }
      held = true;
    } finally {
      if (!held) {
        made.close();
      }
    }
    return NewContainerResponse.getDefaultInstance();
  }

  private synchronized void checkUnknown(String id) {
    if (containers.containsKey(id)) {
      throw new BuildException(Category.ALREADY_EXISTS, "Container " + id + " already exists");
    }
  }

  ReleaseContainerResponse releaseContainer(ReleaseContainerRequest request) {
    HeldContainer found;
    synchronized (this) {
      found = containers.remove(request.getContainerID());
    }
    if (found == null) {
      throw BuildException.unknown(
          "container details for " + request.getContainerID() + " not found", null);
    }
    found.container().close();
    found
        .failure()
        .ifPresent(failure -> {
          throw StatusProto.toStatusRuntimeException(failure);
        });
    return ReleaseContainerResponse.getDefaultInstance();
  }

  /** For a process in it. */
  synchronized HeldContainer container(String id) {
    HeldContainer found = containers.get(id);
    if (found == null) {
      throw BuildException.notFound(
          "container " + GoQuote.of(id) + " previously released or not created");
    }
    return found;
  }

  private synchronized GatewayContainer container(String id, int mount) {
    HeldContainer found = containers.get(id);
    if (found == null) {
      throw BuildException.unknown(
          "container details for " + id + "@" + mount + " not found", null);
    }
    return found.container();
  }

  ReadFileResponse readContainerFile(ReadFileRequest request) throws InterruptedException {
    int mount = request.getMountIndex();
    byte[] data = container(request.getRef(), mount).readFile(mount, request.getFilePath());
    return ReadFileResponse.newBuilder().setData(ByteString.copyFrom(data)).build();
  }

  ReadDirResponse readContainerDir(ReadDirRequest request) throws InterruptedException {
    int mount = request.getMountIndex();
    ReadDirResponse.Builder out = ReadDirResponse.newBuilder();
    container(request.getRef(), mount)
        .readDir(mount, request.getDirPath())
        .forEach(stat -> out.addEntries(StatMessages.toProto(stat)));
    return out.build();
  }

  StatFileResponse statContainerFile(StatFileRequest request) throws InterruptedException {
    int mount = request.getMountIndex();
    return StatFileResponse.newBuilder()
        .setStat(
            StatMessages.toProto(
                container(request.getRef(), mount).statFile(mount, request.getPath())))
        .build();
  }

  // --- the end ---

  ReturnResponse returned(ReturnRequest request) {
    if (request.hasError() == request.hasResult()) {
      throw BuildException.invalid("gateway return must be either result or err");
    }
    if (request.hasError()) {
      settle(null, WireErrors.reported(request.getError()));
    } else {
      settle(GatewayMessages.of(request.getResult(), this::find), null);
    }
    return ReturnResponse.getDefaultInstance();
  }

  private Reference find(Ref ref) {
    return find(ref.getId());
  }

  private synchronized void settle(@Nullable Result made, @Nullable Exception failed) {
    if (returned) {
      throw new BuildException(Category.FAILED_PRECONDITION, "gateway result is already set");
    }
    returned = true;
    result = made;
    failure = failed;
    notifyAll();
  }
}
