package dev.buildd.session.exporter;

import com.google.protobuf.ByteString;
import dev.buildd.proto.exporter.ExporterGrpc;
import dev.buildd.proto.exporter.FinalizeExportRequest;
import dev.buildd.proto.exporter.FindExportersRequest;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.Calls;
import dev.buildd.session.rpc.Statuses;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Asks a client what is to become of a result (wire.md section 4.3). */
public final class ChosenExports {
  private ChosenExports() {}

  /**
   * What the client wants exported; nothing if it has no say in that.
   *
   * @param metadata what the frontend said of the result
   * @param refs ids of the result's filesystems
   * @throws dev.buildd.base.error.BuildException if the client fails to choose
   */
  public static List<ExportRequest> find(
      Session session, Map<String, byte[]> metadata, List<String> refs)
      throws InterruptedException {
    FindExportersRequest.Builder request = FindExportersRequest.newBuilder().addAllRefs(refs);
    metadata.forEach((name, value) -> request.putMetadata(name, ByteString.copyFrom(value)));
    return ask("find exporters", session, ExporterGrpc.getFindExportersMethod(), request.build())
        .stream()
        .flatMap(response -> response.getExportersList().stream())
        .map(exporter -> new ExportRequest(exporter.getType(), exporter.getAttrsMap()))
        .toList();
  }

  /**
   * Tells the client what came of all exports, if it wants to know.
   *
   * @throws dev.buildd.base.error.BuildException if it cannot do with that
   */
  public static void finish(Session session, Map<String, String> response)
      throws InterruptedException {
    ask(
        "finalize export",
        session,
        ExporterGrpc.getFinalizeExportMethod(),
        FinalizeExportRequest.newBuilder().putAllExporterResponse(response).build());
  }

  /** Empty if the client does not offer the method, or nothing behind it. */
  private static <Q, P> Optional<P> ask(
      String doing, Session session, MethodDescriptor<Q, P> method, Q request)
      throws InterruptedException {
    try {
      return Optional.of(Calls.unary(session.channel(), method, request));
    } catch (StatusRuntimeException e) {
      Status.Code code = e.getStatus().getCode();
      if (code == Status.Code.UNIMPLEMENTED || code == Status.Code.UNAVAILABLE) {
        return Optional.empty();
      }
      throw Statuses.toBuildException(doing, e);
    }
  }
}
