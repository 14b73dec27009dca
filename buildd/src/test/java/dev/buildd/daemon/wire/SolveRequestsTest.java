package dev.buildd.daemon.wire;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.Llb;
import dev.buildd.proto.control.CacheOptions;
import dev.buildd.proto.control.CacheOptionsEntry;
import dev.buildd.proto.control.Exporter;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.sourcepolicy.Policy;
import dev.buildd.session.exporter.ExportRequest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What messages ask for, in today's fields and in those of old clients. */
final class SolveRequestsTest {
  @Test
  void everyFieldArrives() throws Exception {
    Definition definition = Llb.scratch().file(Llb.mkfile("/f", 0644, "f")).marshal().toProto();
    BuildRequest request =
        SolveRequests.of(
            SolveRequest.newBuilder()
                .setRef("r")
                .setSession("s")
                .setDefinition(definition)
                .setFrontend("f")
                .putFrontendAttrs("k", "v")
                .putFrontendInputs("in", definition)
                .addExporters(Exporter.newBuilder().setType("oci").putAttrs("name", "n"))
                .setEnableSessionExporter(true)
                .setCache(
                    CacheOptions.newBuilder()
                        .addExports(CacheOptionsEntry.newBuilder().setType("inline"))
                        .addImports(
                            CacheOptionsEntry.newBuilder().setType("local").putAttrs("src", "d")))
                .addEntitlements("network.host")
                .setCompatibilityVersion(20)
                .setInternal(true)
                .setSourcePolicy(Policy.getDefaultInstance())
                .setSourcePolicySession("p")
                .setProxyNetwork(true)
                .build());
    assertThat(request.definition().orElseThrow().toProto()).isEqualTo(definition);
    assertThat(request.inputs().keySet()).containsExactly("in");
    assertThat(request.inputs().values().iterator().next().toProto()).isEqualTo(definition);
    assertThat(request)
        .isEqualTo(
            new BuildRequest(
                "r",
                "s",
                request.definition(),
                "f",
                Map.of("k", "v"),
                request.inputs(),
                List.of(new ExportRequest("oci", Map.of("name", "n"))),
                true,
                List.of(new CacheEntry("inline", Map.of())),
                List.of(new CacheEntry("local", Map.of("src", "d"))),
                List.of("network.host"),
                20,
                false,
                true,
                new BuildRequest.Policies(true, "p", true)));
  }

  @Test
  void theDaemonsOwnFrontendMayBeNamedAsTheImageOfOne() {
    SolveRequest named =
        SolveRequest.newBuilder()
            .setFrontend("gateway.v0")
            .putFrontendAttrs("source", "dockerfile.v0")
            .putFrontendAttrs("cmdline", "dockerfile.v0")
            .build();
    BuildRequest request = SolveRequests.of(named);
    assertThat(request.frontend()).isEqualTo("dockerfile.v0");
    assertThat(request.attributes()).isEqualTo(Map.of("cmdline", "dockerfile.v0"));
    for (String context : List.of("context:dockerfile.v0", "context:dockerfile.v0::linux/amd64")) {
      assertThat(
              SolveRequests.of(named.toBuilder().putFrontendAttrs(context, "input:x").build())
                  .frontend())
          .as(context)
          .isEqualTo("gateway.v0");
    }
    assertThat(
            SolveRequests.of(named.toBuilder().putFrontendAttrs("source", "other").build())
                .frontend())
        .isEqualTo("gateway.v0");
  }

  /** The client's own frontend tells only where there is no definition at all. */
  @Test
  void anEmptyDefinitionIsOne() {
    assertThat(SolveRequests.of(SolveRequest.getDefaultInstance()).definition()).isEmpty();
    Optional<dev.buildd.llb.Definition> empty =
        SolveRequests.of(
                SolveRequest.newBuilder().setDefinition(Definition.getDefaultInstance()).build())
            .definition();
    assertThat(empty).hasValueSatisfying(one -> assertThat(one.isEmpty()).isTrue());
  }

  private static SolveRequest.Builder old() {
    return SolveRequest.newBuilder()
        .setExporterDeprecated("tar")
        .putExporterAttrsDeprecated("k", "v")
        .setCache(
            CacheOptions.newBuilder()
                .setExportRefDeprecated("host/to")
                .putExportAttrsDeprecated("mode", "max")
                .addImportRefsDeprecated("host/from"));
  }

  @Test
  void oldClientsAreUnderstood() {
    BuildRequest request = SolveRequests.of(old().build());
    assertThat(request.exports()).containsExactly(new ExportRequest("tar", Map.of("k", "v")));
    assertThat(request.cacheExports())
        .containsExactly(new CacheEntry("registry", Map.of("mode", "max", "ref", "host/to")));
    assertThat(request.cacheImports())
        .containsExactly(new CacheEntry("registry", Map.of("ref", "host/from")));
  }

  /** Clients say both for daemons that know only the one. */
  @Test
  void whatIsSaidInBothWaysCountsOnce() {
    SolveRequest.Builder both = old().addExporters(Exporter.newBuilder().setType("oci"));
    both.getCacheBuilder()
        .addExports(CacheOptionsEntry.newBuilder().setType("inline"))
        .addImports(CacheOptionsEntry.newBuilder().setType("local"));
    BuildRequest request = SolveRequests.of(both.build());
    assertThat(request.exports()).containsExactly(new ExportRequest("oci", Map.of()));
    assertThat(request.cacheExports()).containsExactly(new CacheEntry("inline", Map.of()));
    assertThat(request.cacheImports()).containsExactly(new CacheEntry("local", Map.of()));
  }
}
