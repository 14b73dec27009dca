package dev.buildd.daemon.wire;

import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.frontend.dockerfile.DockerfileFrontend;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.grpc.GatewayMessages;
import dev.buildd.llb.Definition;
import dev.buildd.proto.control.CacheOptions;
import dev.buildd.proto.control.CacheOptionsEntry;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.session.exporter.ExportRequest;
import dev.buildd.solver.gateway.ContainerFrontend;
import dev.buildd.trace.TraceContext;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a client's message asks for. What old clients say in their fields means the same as what new
 * ones say in today's (wire.md section 2.1).
 */
public final class SolveRequests {
  private static final String SOURCE = "source";
  private static final String CONTEXT = "context:" + DockerfileFrontend.NAME;
  private static final String REGISTRY = "registry";

  private SolveRequests() {}

  /**
   * Takes the message as it is; what is wrong in it is found by the build.
   *
   * @param trace what the client says that the build is a part of
   */
  public static BuildRequest of(SolveRequest request, Optional<TraceContext> trace) {
    String frontend = request.getFrontend();
    Map<String, String> attributes = request.getFrontendAttrsMap();
    if (frontend.equals(ContainerFrontend.NAME) && namesOwnFrontend(attributes)) {
      frontend = DockerfileFrontend.NAME;
      attributes = new HashMap<>(attributes);
      attributes.remove(SOURCE);
    }
    return new BuildRequest(
        request.getRef(),
        request.getSession(),
        request.hasDefinition()
            ? Optional.of(Definition.of(request.getDefinition()))
            : Optional.empty(),
        frontend,
        attributes,
        GatewayMessages.definitions(request.getFrontendInputsMap()),
        exports(request),
        request.getEnableSessionExporter(),
        cacheExports(request.getCache()),
        cacheImports(request.getCache()),
        request.getEntitlementsList(),
        request.getCompatibilityVersion(),
        request.getDryRun(),
        request.getInternal() || request.getDryRun(), // what was not built is no build of the past
        new BuildRequest.Policies(
            request.hasSourcePolicy(), request.getSourcePolicySession(), request.getProxyNetwork()),
        trace);
  }

  /**
   * Whether the image that is wanted for a frontend is none, but the daemon's own frontend: so it
   * is asked for without its heeding {@code # syntax} lines.
   */
  private static boolean namesOwnFrontend(Map<String, String> attributes) {
    return DockerfileFrontend.NAME.equals(attributes.get(SOURCE))
        && attributes.keySet().stream()
            .noneMatch(name -> name.equals(CONTEXT) || name.startsWith(CONTEXT + "::"));
  }

  private static List<ExportRequest> exports(SolveRequest request) {
    if (request.getExportersCount() == 0 && !request.getExporterDeprecated().isEmpty()) {
      return List.of(
          new ExportRequest(
              request.getExporterDeprecated(), request.getExporterAttrsDeprecatedMap()));
    }
    return request.getExportersList().stream()
        .map(exporter -> new ExportRequest(exporter.getType(), exporter.getAttrsMap()))
        .toList();
  }

  private static List<CacheEntry> cacheExports(CacheOptions options) {
    if (options.getExportsCount() == 0 && !options.getExportRefDeprecated().isEmpty()) {
      Map<String, String> attributes = new HashMap<>(options.getExportAttrsDeprecatedMap());
      attributes.put("ref", options.getExportRefDeprecated());
      return List.of(new CacheEntry(REGISTRY, attributes));
    }
    return entries(options.getExportsList());
  }

  private static List<CacheEntry> cacheImports(CacheOptions options) {
    if (options.getImportsCount() == 0) {
      return options.getImportRefsDeprecatedList().stream()
          .map(ref -> new CacheEntry(REGISTRY, Map.of("ref", ref)))
          .toList();
    }
    return entries(options.getImportsList());
  }

  private static List<CacheEntry> entries(List<CacheOptionsEntry> messages) {
    return messages.stream()
        .map(entry -> new CacheEntry(entry.getType(), entry.getAttrsMap()))
        .toList();
  }
}
