package dev.buildd.frontend.dockerfile.instruction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Mounts of RUN (dockerfile.md section 3.4). */
class MountsTest {
  private static final Words WORDS =
      new Words('\\', Environment.of(Map.of("type", "cache", "t", "/t", "yes", "true")));

  private static Mount parse(String text) {
    return Mounts.parse(text, WORDS);
  }

  @Test
  void saysAll() {
    assertThat(
            parse(
                "TYPE=$type,from=a,source=b,target=$t,rw=false,id=i,sharing=LOCKED,mode=0750,"
                    + "uid=1,gid=4294967295"))
        .isEqualTo(
            new Mount(
                Mount.Type.CACHE,
                "a",
                "b",
                "/t",
                true,
                0,
                "i",
                "locked",
                false,
                Optional.empty(),
                OptionalLong.of(488),
                OptionalLong.of(1),
                OptionalLong.of(4294967295L)));
  }

  @Test
  void secretMayBeAVariable() {
    Mount mount = parse("type=secret,src=x,env=,required");
    assertThat(mount.env()).contains("");
    assertThat(mount.required()).isTrue();
    assertThat(parse("type=ssh,required=$yes").required()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "'target=/a', true",
    "'target=/a,rw', false",
    "'target=/a,readwrite=0', true",
    "'type=cache,target=/a', false",
    "'type=cache,target=/a,ro', true",
    "'type=tmpfs,target=/a', false",
    "'type=tmpfs,target=/a,readonly=t', true",
    "'type=ssh', true"
  })
  void knowsWhatIsReadOnly(String text, boolean readOnly) {
    assertThat(parse(text).readOnly()).isEqualTo(readOnly);
  }

  @ParameterizedTest
  @CsvSource({"64m, 67108864", "1.5GiB, 1610612736", "10, 10", "'1 k', 1024", "2B, 2"})
  void readsSizes(String size, long bytes) {
    assertThat(parse("type=tmpfs,target=/a,size=" + size).size()).isEqualTo(bytes);
  }

  @Test
  void quotesHoldCommas() {
    assertThat(parse("\"source=a,\"\"b\"\"\",target=/x").source()).isEqualTo("a,b");
    assertThat(parse("\"source='a,b'\",target=/x\n").source()).isEqualTo("a,b");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "type=volume|unsupported mount type \"volume\"",
        "type=cach|unsupported mount type \"cach\" (did you mean cache?)",
        "type=cache,sharing=lockd|unsupported sharing value \"lockd\" (did you mean locked?)",
        "tagret=/c|unexpected key 'tagret' in 'tagret=/c' (did you mean target?)",
        "TAGRET=$t|unexpected key 'tagret' in 'TAGRET=$t' (did you mean target?)",
        "target|invalid field 'target' must be a key=value pair",
        "required=true,type=secret|unexpected key 'required' for mount type 'bind'",
        "required|unexpected key 'required' for mount type 'bind'",
        "size=1,type=tmpfs|unexpected key 'size' for mount type 'bind'",
        "type=tmpfs,size=x|invalid value for size: x",
        "type=tmpfs,size=-1|invalid value for size: -1",
        "type=tmpfs,size=1kk|invalid value for size: 1kk",
        "ro=x|invalid value for ro: x",
        "rw=x|invalid value for rw: x",
        "type=ssh,required=x|invalid value for required: x",
        "mode=8|invalid value 8 for mode",
        "uid=-1|invalid value -1 for uid",
        "gid=4294967296|invalid value 4294967296 for gid",
        "mode=1|mode not allowed for \"bind\" type mounts",
        "uid=1|uid not allowed for \"bind\" type mounts",
        "type=tmpfs,gid=1|gid not allowed for \"tmpfs\" type mounts",
        "type=secret,id=a,from=b|secret mount should not have a from",
        "type=secret,id=a,sharing=shared|secret mount should not define sharing",
        "type=secret|invalid secret mount. one of source, target required",
        "type=secret,id=a,source=b|both source and id can't be set",
        "sharing=shared|invalid cache sharing set for bind mount",
        "target=${x|failed to process \"${x\": unsupported modifier (\uFFFD) in substitution",
      })
  void isRefused(String text, String reason) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> parse(text))
        .withMessage(reason);
  }

  @ParameterizedTest
  @ValueSource(strings = {"type=x", "tagret=/c", "target", "required", "mode=9,type=secret"})
  void faultsWaitUntilVariablesAreKnown(String text) {
    assertThat(Mounts.parseFrom(text).from()).isEmpty();
  }

  @Test
  void sourceIsKnownBefore() {
    assertThat(Mounts.parseFrom("FROM=a,type=x").from()).isEqualTo("a");
    assertThat(Mounts.parseFrom("from=a$").from()).isEqualTo("a$");
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> Mounts.parseFrom("from=$a"))
        .withMessage("'from' doesn't support variable expansion, define alias stage instead");
  }
}
