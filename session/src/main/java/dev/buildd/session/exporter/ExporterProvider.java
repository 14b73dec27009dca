package dev.buildd.session.exporter;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.exporter.ExporterGrpc;
import dev.buildd.proto.exporter.ExporterRequest;
import dev.buildd.proto.exporter.FinalizeExportResponse;
import dev.buildd.proto.exporter.FindExportersRequest;
import dev.buildd.proto.exporter.FindExportersResponse;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.Statuses;
import io.grpc.ServerCallHandler;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Lets the daemon ask what is to become of a result. */
public final class ExporterProvider implements Attachable {
  /** Chooses exports. */
  public interface Chooser {
    /**
     * @param metadata what the frontend said of the result
     * @param refs ids of the result's filesystems
     * @return what is exported besides what the request of the build named
     */
    List<ExportRequest> choose(Map<String, byte[]> metadata, List<String> refs) throws Exception;

    /** All exports have ended well; a failure here fails the build. */
    void exported(Map<String, String> response) throws Exception;
  }

  private final Chooser chooser;

  public ExporterProvider(Chooser chooser) {
    this.chooser = chooser;
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(ExporterGrpc.SERVICE_NAME)
            .addMethod(
                ExporterGrpc.getFindExportersMethod(), serve((request, headers) -> find(request)))
            .addMethod(
                ExporterGrpc.getFinalizeExportMethod(),
                serve((request, headers) -> {
                  chooser.exported(request.getExporterResponseMap());
                  return FinalizeExportResponse.getDefaultInstance();
                }))
            .build());
  }

  private FindExportersResponse find(FindExportersRequest request) throws Exception {
    FindExportersResponse.Builder out = FindExportersResponse.newBuilder();
    Map<String, byte[]> metadata = new LinkedHashMap<>();
    request.getMetadataMap().forEach((key, value) -> metadata.put(key, value.toByteArray()));
    for (ExportRequest chosen : chooser.choose(metadata, request.getRefsList())) {
      out.addExporters(
          ExporterRequest.newBuilder().setType(chosen.type()).putAllAttrs(chosen.attributes()));
    }
    return out.build();
  }

  private static <Q, P> ServerCallHandler<Q, P> serve(Handlers.Unary<Q, P> body) {
    return Handlers.unary((request, headers) -> {
      try {
        return body.serve(request, headers);
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        Status.Code code = Statuses.of(e).getStatus().getCode();
        if (code == Status.Code.UNAVAILABLE || code == Status.Code.UNIMPLEMENTED) {
          // by these the daemon would take it that there is nothing to choose
          throw BuildException.unknown(Statuses.textOf(e), e);
        }
        throw e;
      }
    });
  }
}
