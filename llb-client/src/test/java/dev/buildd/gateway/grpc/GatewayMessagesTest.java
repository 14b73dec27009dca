package dev.buildd.gateway.grpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Llb;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.RefMapDeprecated;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.session.filesync.source.FileStat;
import io.grpc.protobuf.StatusProto;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What one end says, the other end reads. */
final class GatewayMessagesTest {
  private static final Platform ARM = new Platform("linux", "arm", "v7", "1", List.of("f"));

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static Definition definition() {
    return Llb.scratch().file(Llb.mkfile("/f", 0644, "f")).marshal();
  }

  private static void assertSame(Object read, Object said) {
    assertThat(read).usingRecursiveComparison().isEqualTo(said);
  }

  /** Stands for a filesystem of which only the name is looked at. */
  private record Named(String id, Optional<Definition> definition) implements Reference {
    static Reference of(Ref ref) {
      return new Named(
          ref.getId(), ref.hasDef() ? Optional.of(Definition.of(ref.getDef())) : Optional.empty());
    }

    @Override
    public byte[] readFile(String path) {
      throw new AssertionError("only the name is to be looked at");
    }

    @Override
    public byte[] readFile(String path, long offset, long length) {
      throw new AssertionError("only the name is to be looked at");
    }

    @Override
    public List<FileStat> readDir(String path, String includePattern) {
      throw new AssertionError("only the name is to be looked at");
    }

    @Override
    public FileStat statFile(String path) {
      throw new AssertionError("only the name is to be looked at");
    }

    @Override
    public void evaluate() {
      throw new AssertionError("only the name is to be looked at");
    }
  }

  @Test
  void requests() {
    GatewayClient.Request all =
        new GatewayClient.Request(
            Optional.of(definition()),
            "f",
            Map.of("k", "v"),
            Map.of("in", definition()),
            List.of(new CacheEntry("local", Map.of("src", "d"))),
            true);
    assertSame(GatewayMessages.of(GatewayMessages.toProto(all)), all);
    GatewayClient.Request none = GatewayClient.Request.of("f", Map.of());
    assertSame(GatewayMessages.of(GatewayMessages.toProto(none)), none);
  }

  @Test
  void results() {
    Optional<Reference> files = Optional.of(new Named("1", Optional.of(definition())));
    Attestation vouched =
        new Attestation(
            Attestation.Kind.BUNDLE,
            Map.of("reason", bytes("sbom")),
            files,
            "/p",
            "type",
            List.of(
                new Attestation.Subject(true, "", List.of()),
                new Attestation.Subject(false, "n", List.of("sha256:a"))));
    Result several =
        new Result(
            Optional.empty(),
            Map.of("linux/amd64", files, "scratch", Optional.empty()),
            Map.of("k", new byte[] {(byte) 0xff}),
            Map.of("linux/amd64", List.of(vouched)));
    assertSame(GatewayMessages.of(GatewayMessages.toProto(several), Named::of), several);
    Result one = Result.of(files.get());
    assertSame(GatewayMessages.of(GatewayMessages.toProto(one), Named::of), one);
    assertSame(
        GatewayMessages.of(GatewayMessages.toProto(Result.empty()), Named::of), Result.empty());
  }

  @Test
  void resultsAsOldFrontendsGiveThem() {
    assertThat(
            GatewayMessages.of(
                    dev.buildd.proto.gateway.Result.newBuilder().setRefDeprecated("1").build(),
                    Named::of)
                .single())
        .map(Reference::id)
        .contains("1");
    Map<String, Optional<Reference>> named =
        GatewayMessages.of(
                dev.buildd.proto.gateway.Result.newBuilder()
                    .setRefsDeprecated(
                        RefMapDeprecated.newBuilder().putRefs("a", "1").putRefs("b", ""))
                    .build(),
                Named::of)
            .byName();
    assertThat(named)
        .hasEntrySatisfying("a", one -> assertThat(one.map(Reference::id)).contains("1"))
        .hasEntrySatisfying("b", one -> assertThat(one).isEmpty());
  }

  @Test
  void imageRequests() {
    ImageRequest all =
        new ImageRequest(
            "x",
            Optional.of(ARM),
            ResolveMode.FORCE_PULL,
            "log",
            Optional.of(new ImageRequest.Layout("s", "store")));
    assertSame(GatewayMessages.of(GatewayMessages.toProto(all)), all);
    assertThatThrownBy(() ->
            GatewayMessages.of(
                ResolveImageConfigRequest.newBuilder().setResolveMode("sometimes").build()))
        .hasMessage("invalid resolvemode: sometimes");
  }

  @Test
  void sources() {
    SourceMetaRequest all =
        new SourceMetaRequest(
            "https://x",
            Map.of("k", "v"),
            Optional.of(ARM),
            "log",
            ResolveMode.PREFER_LOCAL,
            new SourceMetaRequest.Image(false, true, List.of("type")),
            true,
            Optional.of(new SourceMetaRequest.Checksum(Digest.Algorithm.SHA384, bytes("tail"))));
    assertSame(GatewayMessages.of(GatewayMessages.toProto(all)), all);
    SourceMetaRequest plain = SourceMetaRequest.of("git://x", Map.of());
    assertSame(GatewayMessages.of(GatewayMessages.toProto(plain)), plain);
  }

  @Test
  void whatSourcesAre() {
    Digest digest = Digest.of("blob");
    SourceMeta all =
        new SourceMeta(
            "x",
            Map.of("k", "v"),
            Optional.of(
                new SourceMeta.Image(
                    "sha256:i",
                    bytes("{}"),
                    Optional.of(
                        new SourceMeta.AttestationChain(
                            "r",
                            "i",
                            "a",
                            List.of("s"),
                            Map.of(
                                digest.toString(),
                                new SourceMeta.Blob(
                                    new Descriptor(
                                        "type",
                                        digest,
                                        4,
                                        Optional.empty(),
                                        Map.of("a", "b"),
                                        List.of()),
                                    bytes("blob"))))))),
            Optional.of(new SourceMeta.Git("c", "refs/tags/t", "cc", bytes("o"), bytes("t"))),
            Optional.of(
                new SourceMeta.Http(
                    "sha256:h",
                    "f",
                    Optional.of(Instant.ofEpochSecond(7)),
                    Optional.of(new SourceMeta.Suffixed("sha256:s", bytes("tail"))))));
    assertSame(GatewayMessages.of(GatewayMessages.toProto(all)), all);
    SourceMeta nothing =
        new SourceMeta("local://x", Map.of(), Optional.empty(), Optional.empty(), Optional.empty());
    assertSame(GatewayMessages.of(GatewayMessages.toProto(nothing)), nothing);
  }

  @Test
  void warnings() {
    GatewayClient.Warning warning =
        new GatewayClient.Warning(
            2,
            bytes("short"),
            List.of(bytes("more")),
            "url",
            Optional.of(
                new SourceInfo("Dockerfile", "Dockerfile", bytes("FROM x"), Optional.empty())),
            List.of(new SourceMap.Span(1, 2, 3, 4)));
    assertSame(GatewayMessages.of(GatewayMessages.toProto("sha256:v", warning)), warning);
    assertThat(GatewayMessages.toProto("sha256:v", warning).getDigest()).isEqualTo("sha256:v");
  }

  @Test
  void workers() {
    WorkerInfo worker =
        new WorkerInfo(
            "id",
            new TreeMap<>(Map.of("k", "v")),
            List.of(ARM),
            List.of(new WorkerInfo.GcPolicy(true, 1, List.of("f"), 2, 3, 4)),
            new WorkerInfo.BuildkitVersion("p", "v", "r", "d"),
            List.of(new WorkerInfo.Device("dev", true, false)));
    assertSame(WorkerMessages.of(WorkerMessages.toProto(worker)), worker);
  }

  // --- failures ---

  private static SolveException thrown(com.google.rpc.Status status) {
    return FailureCodec.of(StatusProto.toStatusRuntimeException(status));
  }

  @Test
  void aFrontendTellsWhereTheFaultIs() {
    SolveException said =
        new SolveException(
            Category.INVALID_ARGUMENT,
            "unknown instruction: FORM",
            new SolveException.Where(
                List.of(
                    new SolveException.Place(
                        new SourceInfo(
                            "Dockerfile", "Dockerfile", bytes("FORM x"), Optional.empty()),
                        List.of(SourceMap.Span.lines(1, 1)))),
                Optional.of("sha256:v"),
                OptionalInt.of(7)),
            null);
    SolveException read = thrown(FailureCodec.toProto(said));
    assertThat(read).hasMessage("unknown instruction: FORM");
    assertThat(read.category()).isEqualTo(Category.INVALID_ARGUMENT);
    assertSame(read.where(), said.where());
  }

  /** A step of the daemon's failed, and the frontend knows which of its own lines that was. */
  @Test
  void aFrontendTellsWhereADaemonsFaultComesFrom() {
    SolveException.Place inner = place("inner");
    SolveException daemons =
        thrown(
            FailureCodec.toProto(
                new SolveException(
                    Category.NOT_FOUND, "no image", SolveException.Where.at(inner), null)));
    SolveException.Place outer = place("outer");
    SolveException read =
        thrown(
            FailureCodec.toProto(
                new SolveException(
                    Category.UNKNOWN,
                    "line 1: no image",
                    SolveException.Where.at(outer),
                    daemons)));
    assertThat(read).hasMessage("line 1: no image");
    assertThat(read.category()).isEqualTo(Category.NOT_FOUND);
    assertSame(read.places(), List.of(outer, inner));
  }

  private static SolveException.Place place(String filename) {
    return new SolveException.Place(
        new SourceInfo(filename, "Dockerfile", bytes("FORM x"), Optional.empty()),
        List.of(SourceMap.Span.lines(1, 1)));
  }

  /** Which a client of a later version, or the debugger, may know. */
  @Test
  void detailsThatNobodyHereKnowsAreToldOn() {
    com.google.rpc.Status told =
        com.google.rpc.Status.newBuilder()
            .setCode(2)
            .setMessage("it failed")
            .addDetails(
                com.google.protobuf.Any.newBuilder()
                    .setTypeUrl("example.com/later")
                    .setValue(ByteString.copyFromUtf8("{}")))
            .build();
    assertThat(FailureCodec.toProto(thrown(told))).isEqualTo(told);
    assertThat(
            FailureCodec.toProto(
                new BuildException(Category.UNKNOWN, "more: it failed", thrown(told))))
        .isEqualTo(told.toBuilder().setMessage("more: it failed").build());
  }
}
