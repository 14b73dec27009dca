package dev.buildd.daemon.build;

import dev.buildd.base.text.GoBool;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.Definition;
import dev.buildd.session.exporter.ExportRequest;
import dev.buildd.trace.TraceContext;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a client asks to be built, as it came: nothing of it has been checked.
 *
 * @param ref names the build
 * @param session of the client; empty if it opened none
 * @param definition what to build; an empty one describes no files, none at all leaves it to a
 *     frontend
 * @param frontend the name of the frontend that is to run here; empty if the definition says it
 *     all, or else the client's own frontend does
 * @param attributes what the frontend is told, and some that concern the daemon itself
 * @param inputs filesystems for the frontend, by name
 * @param exports what becomes of the result
 * @param clientChooses whether the client is asked for exports once the result is there
 * @param compatibility the number of the version whose results the build is to give; zero for the
 *     current one
 * @param dryRun whether no step may run, and it is told which would
 * @param internal whether history leaves the build out
 * @param policies what is asked for and cannot be had
 * @param trace what the build is a part of, if the client says
 */
public record BuildRequest(
    String ref,
    String session,
    Optional<Definition> definition,
    String frontend,
    Map<String, String> attributes,
    Map<String, Definition> inputs,
    List<ExportRequest> exports,
    boolean clientChooses,
    List<CacheEntry> cacheExports,
    List<CacheEntry> cacheImports,
    List<String> entitlements,
    long compatibility,
    boolean dryRun,
    boolean internal,
    Policies policies,
    Optional<TraceContext> trace) {
  public BuildRequest {
    attributes = Map.copyOf(attributes);
    inputs = Map.copyOf(inputs);
    exports = List.copyOf(exports);
    cacheExports = List.copyOf(cacheExports);
    cacheImports = List.copyOf(cacheImports);
    entitlements = List.copyOf(entitlements);
  }

  /** Whether those who watch are told why steps run: {@code BUILDKIT_EXPLAIN=1}. */
  public boolean explains() {
    return Stream.of("BUILDKIT_EXPLAIN", "build-arg:BUILDKIT_EXPLAIN")
        .anyMatch(name -> GoBool.isTrue(attributes.getOrDefault(name, "")));
  }

  /**
   * What rules the build's sources and its network.
   *
   * @param given whether the request has a policy for sources
   * @param session the session that decides about sources; empty for none
   * @param proxyNetwork whether steps may reach the network through the daemon's proxy only
   */
  public record Policies(boolean given, String session, boolean proxyNetwork) {
    public static final Policies NONE = new Policies(false, "", false);
  }
}
