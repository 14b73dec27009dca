package dev.buildd.daemon.rpc;

import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.cache.CacheManager;
import dev.buildd.daemon.build.Builds;
import dev.buildd.daemon.gc.Collector;
import dev.buildd.daemon.history.History;
import dev.buildd.daemon.wire.ProgressMessages;
import dev.buildd.daemon.wire.SolveRequests;
import dev.buildd.daemon.wire.UsageMessages;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.gateway.grpc.WorkerMessages;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.DiskUsageRequest;
import dev.buildd.proto.control.DiskUsageResponse;
import dev.buildd.proto.control.InfoResponse;
import dev.buildd.proto.control.ListWorkersRequest;
import dev.buildd.proto.control.ListWorkersResponse;
import dev.buildd.proto.control.PruneRequest;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.control.SolveResponse;
import dev.buildd.proto.control.StatusRequest;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.UpdateBuildHistoryResponse;
import dev.buildd.proto.control.UsageRecord;
import dev.buildd.session.SessionManager;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.solver.worker.Worker;
import dev.buildd.trace.TraceContext;
import io.grpc.Metadata;
import io.grpc.ServerServiceDefinition;
import java.time.Clock;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;

/**
 * What clients of the daemon call (wire.md section 2): the wire on one side, builds on the other.
 */
public final class ControlService {
  private static final Metadata.Key<String> TRACE =
      Metadata.Key.of(TraceContext.HEADER, Metadata.ASCII_STRING_MARSHALLER);

  private final Builds builds;
  private final Gateways gateways;
  private final SessionManager sessions;
  private final CacheManager cache;
  private final Collector collector;
  private final Worker worker;
  private final History history;
  private final Clock clock;
  private final Supplier<WorkerInfo> workerInfo;

  public ControlService(
      Builds builds,
      Gateways gateways,
      SessionManager sessions,
      CacheManager cache,
      Collector collector,
      Worker worker,
      History history,
      Clock clock,
      Supplier<WorkerInfo> workerInfo) {
    this.builds = builds;
    this.gateways = gateways;
    this.sessions = sessions;
    this.cache = cache;
    this.collector = collector;
    this.worker = worker;
    this.history = history;
    this.clock = clock;
    this.workerInfo = workerInfo;
  }

  public ServerServiceDefinition definition() {
    return ServerServiceDefinition.builder(ControlGrpc.getServiceDescriptor())
        .addMethod(ControlGrpc.getSolveMethod(), Services.unary(this::solve))
        .addMethod(
            ControlGrpc.getStatusMethod(), Services.streaming((r, out) -> status(r.getRef(), out)))
        .addMethod(ControlGrpc.getSessionMethod(), sessions.handler())
        .addMethod(ControlGrpc.getDiskUsageMethod(), Services.unary((r, h) -> diskUsage(r)))
        .addMethod(ControlGrpc.getPruneMethod(), Services.streaming(this::prune))
        .addMethod(ControlGrpc.getListWorkersMethod(), Services.unary((r, h) -> workers(r)))
        .addMethod(
            ControlGrpc.getInfoMethod(),
            Services.unary((r, h) ->
                InfoResponse.newBuilder()
                    .setBuildkitVersion(WorkerMessages.toProto(workerInfo.get().version()))
                    .build()))
        .addMethod(
            ControlGrpc.getListenBuildHistoryMethod(),
            Services.streaming((r, out) -> history.listen(r, out::write)))
        .addMethod(
            ControlGrpc.getUpdateBuildHistoryMethod(),
            Services.unary((r, h) -> {
              history.update(r);
              return UpdateBuildHistoryResponse.getDefaultInstance();
            }))
        .build();
  }

  private SolveResponse solve(SolveRequest request, Metadata headers) throws Exception {
    Optional<TraceContext> trace =
        Optional.ofNullable(headers.get(TRACE)).flatMap(TraceContext::parse);
    try (Gateways.Owned _ = gateways.own(request.getRef(), Connections.of(headers))) {
      return SolveResponse.newBuilder()
          .putAllExporterResponse(builds.solve(SolveRequests.of(request, trace)))
          .build();
    } catch (Exception | Error e) {
      FailureLog.failed(request.getRef(), e);
      throw e;
    }
  }

  private void status(String ref, MessageStream<StatusResponse, StatusRequest> out)
      throws Exception {
    if (history.replay(ref, out::write)) {
      return;
    }
    ProgressMessages messages = new ProgressMessages();
    builds.watch(
        ref,
        events -> {
          for (StatusResponse message : messages.of(events)) {
            out.write(message);
          }
        });
    Optional<StatusResponse> cancellations = messages.cancellations(clock.instant());
    if (cancellations.isPresent()) {
      out.write(cancellations.get());
    }
  }

  private DiskUsageResponse diskUsage(DiskUsageRequest request) {
    DiskUsageResponse.Builder out = DiskUsageResponse.newBuilder();
    cache.diskUsage(UsageMessages.wanted(request, clock)).stream()
        .map(UsageMessages::of)
        .forEach(out::addRecord);
    return out.build();
  }

  private void prune(PruneRequest request, MessageStream<UsageRecord, PruneRequest> out)
      throws InterruptedException {
    BlockingQueue<UsageRecord> gone = new LinkedBlockingQueue<>();
    // told after the pruning: a slow reader must not keep it waiting
    collector.prune(UsageMessages.options(request), record -> gone.add(UsageMessages.of(record)));
    for (UsageRecord record : gone) {
      out.write(record);
    }
  }

  private ListWorkersResponse workers(ListWorkersRequest request) throws InterruptedException {
    worker.platforms().refresh();
    ListWorkersResponse.Builder out = ListWorkersResponse.newBuilder();
    if (worker.matches(FieldFilter.parse(request.getFilterList()))) {
      out.addRecord(WorkerMessages.toProto(workerInfo.get()));
    }
    return out.build();
  }
}
