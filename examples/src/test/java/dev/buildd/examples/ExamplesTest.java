package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.llb.Definition;
import dev.buildd.llb.State;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** In the seed's encoding the examples are the seed's examples, to the last byte. */
class ExamplesTest {
  private static Definition build(
      Function<Example, State> body, Map<String, String> flags, String... arguments) {
    Example example = Example.flags(List.of(arguments), flags);
    return body.apply(example).marshal(example.marshalOptions());
  }

  private static void isSeeds(
      Function<Example, State> body,
      Map<String, String> flags,
      String target,
      int ops,
      String digest) {
    Definition definition = build(body, flags, "--encoding=seed", "--target", target);
    assertThat(definition.ops()).hasSize(ops);
    assertThat(definition.terminal()).contains("sha256:" + digest);
  }

  @Test
  void buildkit0() {
    isSeeds(
        Buildkit0::build,
        GoBuilds.FLAGS,
        "containerd",
        20,
        "b358c560adcd097408d11b8761a2a9be9c9a7c364fc47176656d2dfd63643295");
    isSeeds(
        Buildkit0::build,
        GoBuilds.FLAGS,
        "standalone",
        15,
        "60aa49b38bc57f5d1a3811bf8a40fe8cd1e62c5e686f8dd5f44d01151e47f4e3");
  }

  @Test
  void buildkit1() {
    isSeeds(
        Buildkit1::build,
        GoBuilds.FLAGS,
        "containerd",
        25,
        "80fbe45e29dbcbfb9d597efe3ac6f96e3a48d13f10728adc94a66ddf415bf949");
    isSeeds(
        Buildkit1::build,
        GoBuilds.FLAGS,
        "standalone",
        19,
        "bb6246f1ecd05e34e7b6676592e6dbd505e8beada86fbe1d917f72ddc2608892");
  }

  @Test
  void buildkit2() {
    isSeeds(
        Buildkit2::build,
        GoBuilds.FLAGS,
        "containerd",
        17,
        "063f2d39045d6c999c8f4dbda2fd023d6528231024176864d6233197cc506688");
    isSeeds(
        Buildkit2::build,
        GoBuilds.FLAGS,
        "standalone",
        13,
        "79af234936e612d748a6ea1b32fb3c39d4ecb8bf2d1c261bcc233b243959604e");
  }

  @Test
  void buildkit3() {
    isSeeds(
        Buildkit3::build,
        Buildkit3.flags(),
        "containerd",
        16,
        "f52f2178013d7d78d650a28362a761e3654b042105a786d0947ec570d4b4ee8a");
    isSeeds(
        Buildkit3::build,
        Buildkit3.flags(),
        "standalone",
        12,
        "405c33bc888158aa35126d913a07595aecb9ae0f5c7dfccad9ee72ea77447c65");
  }

  @Test
  void nestedLlb() {
    Definition definition = build(NestedLlb::build, Map.of(), "--encoding", "seed");
    assertThat(definition.ops()).hasSize(10);
    assertThat(definition.terminal())
        .contains("sha256:df2759b71eb9ec17da04c7414f5a727062f1114a8f6082758ccf04f4751ca7a9");
  }

  @Test
  void todayTheyCarryPlatforms() {
    Definition definition = build(Buildkit3::build, Buildkit3.flags(), "--runc=local");
    assertThat(definition.ops()).hasSize(16);
    assertThat(definition.toProto().getMetadataCount()).isEqualTo(16);
    assertThat(build(BusyboxLocal::build, Map.of("greeting", "hi")).isEmpty()).isFalse();
  }

  @Test
  void unknownFlagsAreRefused() {
    assertThatThrownBy(() -> Example.flags(List.of("--nosuch"), Map.of()))
        .hasMessageContaining("flag provided but not defined: -nosuch");
  }
}
