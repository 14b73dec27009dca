package dev.buildd.daemon.rpc;

import dev.buildd.cache.PlannedRecord;
import dev.buildd.daemon.gc.Collector;
import dev.buildd.daemon.wire.UsageMessages;
import dev.buildd.proto.collector.CollectorGrpc;
import dev.buildd.proto.collector.PlannedUsage;
import dev.buildd.proto.control.PruneRequest;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.ServerServiceDefinition;

/**
 * What clients ask of the collector that BuildKit's API has no call for (wire.md section 12.4): a
 * service of its own, so that a daemon without it refuses the call whole.
 */
public final class CollectorService {
  private final Collector collector;

  public CollectorService(Collector collector) {
    this.collector = collector;
  }

  public ServerServiceDefinition definition() {
    return ServerServiceDefinition.builder(CollectorGrpc.getServiceDescriptor())
        .addMethod(CollectorGrpc.getPlanPruneMethod(), Services.streaming(this::plan))
        .build();
  }

  private void plan(PruneRequest request, MessageStream<PlannedUsage, PruneRequest> out)
      throws InterruptedException {
    for (PlannedRecord planned : collector.plan(UsageMessages.options(request))) {
      out.write(
          PlannedUsage.newBuilder()
              .setRecord(UsageMessages.of(planned.record()))
              .setKept(planned.kept().orElse(""))
              .build());
    }
  }
}
