package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.client.BuildClient;
import dev.buildd.client.ExportChooser;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.session.ClientSession;
import dev.buildd.session.filesync.FileSendTarget;
import dev.buildd.session.filesync.source.FileStat;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A client chooses exports once it knows the result, as BuildKit's TestSessionExporter and
 * TestSessionExporterFinalizeExport want it.
 */
@Tag("root")
@Timeout(60)
final class SessionExportTest {
  @TempDir static Path directory;
  private static Machine machine;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(directory);
    machine = new Machine(directory);
  }

  @AfterAll
  static void stop() {
    machine.close();
  }

  private static State files() {
    return Llb.scratch()
        .file(Llb.mkfile("/foo", 0644, "first"))
        .file(Llb.mkfile("/bar", 0644, "second"));
  }

  private static SolveOptions.Export archive(Path file, Map<String, String> attributes)
      throws Exception {
    OutputStream out = Files.newOutputStream(file);
    return new SolveOptions.Export(
        "oci", attributes, Optional.of(new FileSendTarget.Target.Stream(m -> Optional.of(out))));
  }

  /** Looks at what was built, and has it put into an archive. */
  private static final class Archiver implements ExportChooser {
    private final Path file;
    private final List<String> seen = new ArrayList<>();
    private Map<String, String> told = Map.of();

    Archiver(Path file) {
      this.file = file;
    }

    @Override
    public List<SolveOptions.Export> choose(Map<String, byte[]> metadata, List<Reference> refs)
        throws Exception {
      for (Reference ref : refs) {
        ref.readDir("/", "").stream().map(FileStat::path).forEach(seen::add);
      }
      seen.add(new String(metadata.getOrDefault("frontend.mood", new byte[0]), UTF_8));
      return List.of(archive(file, Map.of("compression", "zstd")));
    }

    @Override
    public void exported(Map<String, String> response) {
      told = response;
    }
  }

  @Test
  void theClientLooksAtTheResultAndChooses(@TempDir Path temp) throws Exception {
    Archiver archiver = new Archiver(temp.resolve("chosen.tar"));
    Frontend frontend =
        gateway -> {
          Reference ref =
              gateway.solve(GatewayClient.Request.of(files().marshal())).single().orElseThrow();
          return Result.of(ref).withMetadata("frontend.mood", "fine".getBytes(UTF_8));
        };
    Map<String, String> response;
    try (BuildClient client = machine.client()) {
      response =
          client
              .build(
                  frontend,
                  machine
                      .options()
                      .withExports(SolveOptions.Export.local(temp.resolve("named")))
                      .withExportChooser(archiver),
                  status -> {})
              .exporterResponse();
    }
    assertThat(archiver.seen).containsExactly("bar", "foo", "fine");
    assertThat(temp.resolve("named/foo")).hasContent("first");
    assertThat(response)
        .containsKey("containerimage.digest")
        .containsEntry("frontend.mood", "fine");
    assertThat(archiver.told).isEqualTo(response);
    assertThat(Programs.run(temp, "skopeo", "inspect", "--raw", "oci-archive:chosen.tar"))
        .contains("application/vnd.oci.image.layer.v1.tar+zstd");
  }

  /** Chooses nothing, and does not like what it is told. */
  private static final class Unhappy implements ExportChooser {
    @Override
    public List<SolveOptions.Export> choose(Map<String, byte[]> metadata, List<Reference> refs) {
      assertThat(refs).hasSize(1);
      return List.of();
    }

    @Override
    public void exported(Map<String, String> response) {
      throw new IllegalStateException("finalize callback failed");
    }
  }

  private static void build(ExportChooser chooser) throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(files().marshal()),
          machine.options().withExportChooser(chooser),
          status -> {});
    }
  }

  @Test
  void whatTheClientCannotDoWithFailsTheBuild() {
    assertThatThrownBy(() -> build(new Unhappy()))
        .isInstanceOf(SolveException.class)
        .hasMessageContaining("finalize callback failed");
    assertThatThrownBy(() ->
            build((metadata, refs) ->
                List.of(new SolveOptions.Export("nothing", Map.of(), Optional.empty()))))
        .isInstanceOf(SolveException.class)
        .hasMessageContaining("exporter \"nothing\" could not be found");
    assertThatThrownBy(() ->
            build((metadata, refs) ->
                List.of(
                    new SolveOptions.Export(
                        "oci",
                        Map.of("tar", "false"),
                        Optional.of(new FileSendTarget.Target.Layout(directory))))))
        .hasMessageContaining("an export into a layout must be asked for beforehand");
  }

  @Test
  void aClientMayHaveNoSay() throws Exception {
    try (BuildClient client = machine.client();
        ClientSession session =
            ClientSession.open(client.channel(), ClientSession.newId(), "", List.of())) {
      SolveRequest request =
          SolveRequest.newBuilder()
              .setRef("no-say")
              .setSession(session.id())
              .setDefinition(files().marshal().toProto())
              .setEnableSessionExporter(true)
              .build();
      assertThat(
              ControlGrpc.newBlockingStub(client.channel())
                  .withDeadlineAfter(20, TimeUnit.SECONDS)
                  .solve(request)
                  .getExporterResponseMap())
          .isEmpty();
    }
  }
}
