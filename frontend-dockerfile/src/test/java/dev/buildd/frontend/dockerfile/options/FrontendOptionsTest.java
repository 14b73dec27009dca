package dev.buildd.frontend.dockerfile.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.golden.FakeGateway;
import dev.buildd.frontend.dockerfile.golden.Vector;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.NetworkMode;
import dev.buildd.llb.ResolveMode;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FrontendOptionsTest {
  private static FrontendOptions of(Map<String, String> options) {
    return FrontendOptions.of(
        new FakeGateway(new Vector(new byte[0], Map.of("opts", options), Map.of()), Map.of()));
  }

  @Test
  void nothingSaidMeansTheWorkersPlatformAndNoLimits() {
    FrontendOptions options = of(Map.of());
    assertThat(options.buildPlatform()).isEqualTo(Platform.of("linux", "amd64"));
    assertThat(options.targetPlatforms()).isEmpty();
    assertThat(options.multiPlatform()).isFalse();
    assertThat(options.imageResolveMode()).isEqualTo(ResolveMode.DEFAULT);
    assertThat(options.run().resources().isNone()).isTrue();
    assertThat(options.run().network()).isEqualTo(NetworkMode.SANDBOX);
    assertThat(options.noCache().covers("")).isFalse();
    assertThat(options.sbom()).isEmpty();
  }

  @Test
  void argumentsAndLabelsLoseTheirPrefix() {
    FrontendOptions options = of(Map.of("build-arg:A", "1", "label:B", "2", "vcs:C", "3"));
    assertThat(options.buildArgs()).containsExactlyEntriesOf(Map.of("A", "1"));
    assertThat(options.labels()).containsExactlyEntriesOf(Map.of("B", "2"));
  }

  @Test
  void severalPlatformsAreAMultiPlatformBuild() {
    FrontendOptions options = of(Map.of("platform", "linux/amd64,linux/arm64/v8,arm"));
    assertThat(options.targetPlatforms().stream().map(Platform::format))
        .containsExactly("linux/amd64", "linux/arm64", "linux/arm/v7");
    assertThat(options.multiPlatform()).isTrue();
  }

  @Test
  void argumentDecidesOfMultiPlatform() {
    assertThat(
            of(Map.of("multi-platform", "false", "build-arg:BUILDKIT_MULTI_PLATFORM", "1"))
                .multiPlatform())
        .isTrue();
  }

  @Test
  void stagesWithoutCacheAreNamedInAnyCase() {
    NoCache some = of(Map.of("no-cache", "Build,other")).noCache();
    assertThat(some.covers("build")).isTrue();
    assertThat(some.covers("third")).isFalse();
    assertThat(of(Map.of("no-cache", "")).noCache().covers("third")).isTrue();
  }

  @Test
  void addressesAreWrittenShort() {
    assertThat(of(Map.of("add-hosts", "A=10.0.0.1,b=2001:DB8:0:0::1,c=::")).run().hosts())
        .containsExactly(
            new RunDefaults.Host("a", "10.0.0.1"),
            new RunDefaults.Host("b", "2001:db8::1"),
            new RunDefaults.Host("c", "::"));
  }

  @Test
  void limitsOfProcessesHaveOneOrTwoValues() {
    assertThat(of(Map.of("ulimit", "nofile=1:2,nproc=5,core=-1")).run().ulimits())
        .containsExactly(
            new Ulimit("nofile", 1, 2), new Ulimit("nproc", 5, 5), new Ulimit("core", -1, -1));
  }

  @Test
  void cachesComeInBothForms() {
    Map<String, String> options = new TreeMap<>();
    options.put("cache-imports", "[{\"Type\":\"gha\",\"Attrs\":{\"a\":\"b\"}}]");
    options.put("cache-from", "x/y");
    assertThat(of(options).cacheImports())
        .isEqualTo(
            List.of(
                new CacheEntry("gha", Map.of("a", "b")),
                new CacheEntry("registry", Map.of("ref", "x/y"))));
  }

  @Test
  void scannerHasADefaultAndParameters() {
    SbomScan scan = of(Map.of("attest:sbom", "k=v,flag")).sbom().orElseThrow();
    assertThat(scan.generator()).isEqualTo("docker.io/docker/buildkit-syft-scanner:stable-1");
    assertThat(scan.parameters()).isEqualTo(Map.of("k", "v", "flag", ""));
    assertThat(of(Map.of("build-arg:BUILDKIT_ATTEST_PROVENANCE", "mode=max")).sbom()).isEmpty();
  }

  @Test
  void hostnameOfTheArgumentWins() {
    assertThat(
            of(Map.of("hostname", "a", "build-arg:BUILDKIT_SANDBOX_HOSTNAME", "b"))
                .run()
                .hostname())
        .isEqualTo("b");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "platform | a/b/c/d | failed to parse target platform a/b/c/d: \"a/b/c/d\": cannot parse"
            + " platform specifier: invalid argument",
        "platform | quux | failed to parse target platform quux: \"quux\": unknown operating system"
            + " or architecture: invalid argument",
        "multi-platform | maybe | invalid boolean value for multi-platform: maybe",
        "image-resolve-mode | never | invalid image-resolve-mode: never",
        "add-hosts | x | failed to parse additional hosts: invalid key-value pair x",
        "add-hosts | x=y | failed to parse additional hosts: failed to parse IP y",
        "add-hosts | x=1.2 | failed to parse additional hosts: failed to parse IP 1.2",
        "shm-size | 1k | failed to parse shm size: strconv.ParseInt: parsing \"1k\": invalid syntax",
        "ulimit | files=1 | failed to parse ulimit: invalid ulimit type: files",
        "ulimit | nofile | failed to parse ulimit: invalid ulimit argument: nofile",
        "ulimit | nofile=1:2:3 | failed to parse ulimit: too many limit value arguments - 1:2:3, can"
            + " only have up to two, `soft[:hard]`",
        "ulimit | nofile=2:1 | failed to parse ulimit: ulimit soft limit must be less than or equal"
            + " to hard limit: 2 > 1",
        "memory | 0 | failed to parse resource limits: invalid memory value: 0: must be > 0",
        "memswap | -2 | failed to parse resource limits: invalid memswap value: -2: must be -1"
            + " (unlimited) or > 0",
        "cpusetcpus | 3-1 | failed to parse resource limits: invalid cpusetcpus value: 3-1: invalid"
            + " cpuset range \"3-1\"",
        "cpusetmems | x | failed to parse resource limits: invalid cpusetmems value: x: invalid"
            + " cpuset element \"x\"",
        "cpusetcpus | 9000 | failed to parse resource limits: invalid cpusetcpus value: 9000: cpuset"
            + " element \"9000\" exceeds maximum 8192",
        "force-network-mode | default | invalid netmode default",
        "attest:vex | | unknown attestation type \"vex\"",
        "override-copy-image | x | support for \"override-copy-image\" was removed in BuildKit 0.11",
        "build-arg:BUILDKIT_DISABLE_FILEOP | 1 | support for \"BUILDKIT_DISABLE_FILEOP\" build-arg"
            + " was removed in BuildKit 0.11",
        "build-arg:BUILDKIT_DOCKERFILE_CHECK | what | failed to parse"
            + " build-arg:BUILDKIT_DOCKERFILE_CHECK: invalid check option \"what\"",
      })
  void wrongValuesAreToldAsTheReferenceDoes(String key, String value, String text) {
    Map<String, String> options = Map.of(key, value == null ? "" : value);
    assertThatThrownBy(() -> of(options)).hasMessage(text);
  }

  @Test
  void severalPlatformsCannotBeOneResult() {
    Map<String, String> options =
        Map.of("platform", "linux/amd64,linux/arm64", "multi-platform", "0");
    assertThatThrownBy(() -> of(options))
        .hasMessage("conflicting config: returning multiple target platforms is not allowed");
  }
}
