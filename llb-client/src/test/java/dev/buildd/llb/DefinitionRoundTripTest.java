package dev.buildd.llb;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Platform;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Filesystems of definitions made elsewhere, and those that are known late. */
class DefinitionRoundTripTest {
  private static final MarshalOptions AMD64 =
      MarshalOptions.defaults(Llb.platform(Platform.of("linux", "amd64")));
  private static final SourceMap TEXT =
      new SourceMap(Optional.empty(), "F", "", "a\nb\n".getBytes(UTF_8));

  private static State built() {
    return Llb.image("busybox", TEXT.location(List.of(SourceMap.Span.lines(1, 1))))
        .run(
            Llb.args("x"),
            Llb.customName("step"),
            Llb.ignoreCache(),
            TEXT.location(List.of(SourceMap.Span.lines(2, 2))))
        .root();
  }

  @Test
  void bytesMetadataAndSourcesStay() {
    Definition before = built().marshal(AMD64);
    assertThat(Llb.definition(before).marshal(AMD64).toProto()).isEqualTo(before.toProto());
  }

  @Test
  void whatIsBuiltOnItKeepsItsSteps() {
    Definition before = built().marshal(AMD64);
    Definition after = Llb.definition(before).file(Llb.mkdir("/d", 0755)).marshal(AMD64);
    assertThat(after.ops()).startsWith(before.ops().getFirst(), before.ops().get(1));
    assertThat(after.toProto().getSource().getInfosList())
        .isEqualTo(before.toProto().getSource().getInfosList());
  }

  @Test
  void theEmptyDefinitionIsTheEmptyFilesystem() {
    assertThat(Llb.definition(Definition.empty()).isScratch()).isTrue();
  }

  @Test
  void stepsThatDefinitionsShareAreWrittenOnce() {
    Definition base = built().marshal(AMD64);
    Definition more = built().file(Llb.mkdir("/d", 0755)).marshal(AMD64);
    List<State> both = Llb.definitions(List.of(base, more));
    Definition merged = Llb.merge(both).marshal(AMD64);
    assertThat(merged.ops()).hasSize(5); // image, exec, mkdir, merge, terminal
    assertThat(merged.toProto().getSource().getLocationsMap().values())
        .allSatisfy(of -> assertThat(of.getLocationsCount()).isLessThanOrEqualTo(1));
  }

  @Test
  void sourcesOfADefinitionAreToldInOrder() {
    State two = Llb.merge(List.of(Llb.local("a"), Llb.http("https://h/f")));
    assertThat(two.marshal(AMD64).sources().stream().map(Definition.SourceStep::identifier))
        .containsExactly("local://a", "https://h/f");
  }

  @Test
  void aDeferredFilesystemIsAskedForOnce() {
    AtomicInteger asked = new AtomicInteger();
    State late =
        Llb.deferred(() -> {
          asked.incrementAndGet();
          return built();
        });
    State used = late.file(Llb.copy(late, "/a", "/b"));
    assertThat(used.marshal(AMD64).ops().subList(0, 2))
        .isEqualTo(built().marshal(AMD64).ops().subList(0, 2));
    used.marshal(AMD64);
    assertThat(asked).hasValue(1);
  }

  @Test
  void aDeferredFilesystemIsNotTheEmptyOne() {
    State late = Llb.deferred(Llb::scratch);
    assertThatThrownBy(() -> late.marshal(AMD64))
        .hasMessage("what is only known now is the empty filesystem");
  }

  @Test
  void environmentsKeepTheOrderOfTheLastSetting() {
    State state = Llb.scratch().addEnv("A", "1").addEnv("B", "2");
    State child = state.addEnv("A", "3");
    assertThat(child.env())
        .containsExactly(java.util.Map.entry("B", "2"), java.util.Map.entry("A", "3"));
    assertThat(state.env("A")).contains("1");
    assertThat(child.env("A")).contains("3");
    assertThat(child.env("C")).isEmpty();
  }

  @Test
  void anEmptyOwnerIsRoot() {
    assertThat(FileAction.Owner.parse("u:"))
        .isEqualTo(
            new FileAction.Owner(
                Optional.of(new FileAction.Owner.User.Name("u")),
                Optional.of(new FileAction.Owner.User.Id(0))));
  }

  @Test
  void namesOfImagesAreRefusedAsDistributionDoes() {
    assertThatThrownBy(() -> ImageName.parse("Foo"))
        .hasMessage("invalid reference format: repository name (library/Foo) must be lowercase");
    assertThatThrownBy(() -> ImageName.parse("h.io/a/Foo:x"))
        .hasMessage("invalid reference format: repository name (a/Foo) must be lowercase");
    assertThatThrownBy(() -> ImageName.parse("a b")).hasMessage("invalid reference format");
    assertThatThrownBy(() -> ImageName.parse("a".repeat(64)))
        .hasMessage(
            "invalid repository name ("
                + "a".repeat(64)
                + "), cannot specify 64-byte hexadecimal strings");
    assertThat(ImageName.parse("busybox:1").familiar()).isEqualTo("busybox:1");
    assertThat(ImageName.parse("a/b").familiar()).isEqualTo("a/b");
    assertThat(ImageName.parse("h.io/a").familiar()).isEqualTo("h.io/a");
  }
}
