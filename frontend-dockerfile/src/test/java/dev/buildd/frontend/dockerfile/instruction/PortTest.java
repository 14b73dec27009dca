package dev.buildd.frontend.dockerfile.instruction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Words of EXPOSE (dockerfile.md section 3.3). */
class PortTest {
  @ParameterizedTest
  @CsvSource({
    "80, 80/tcp",
    "00100, 100/tcp",
    "80/, 80/tcp",
    "53/UDP, 53/udp",
    "7000-7002/sctp, '7000/sctp,7001/sctp,7002/sctp'",
    "81:80, 80/tcp",
    "81-82:80, 80/tcp",
    "1.2.3.4:81:80/udp, 80/udp",
    "[::1]:82:82/tcp, 82/tcp",
    "::ffff:1.2.3.4:82:82, 82/tcp",
    "0, 0/tcp",
    ":80, 80/tcp",
    "::80, 80/tcp"
  })
  void standsFor(String word, String ports) {
    assertThat(String.join(",", Port.parse(word).ports())).isEqualTo(ports);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "/tcp|invalid port: \"/tcp\": no port specified",
        "80:|invalid port: \"80:\": no port specified",
        "80/x|invalid port: \"80/x\": invalid proto: x",
        "80/tcp/x|invalid port: \"80/tcp/x\": invalid proto: tcp/x",
        "x|invalid containerPort: x",
        "65536|invalid containerPort: 65536",
        "2-1|invalid containerPort: 2-1",
        "1-|invalid containerPort: 1-",
        "99999999999999999999|invalid containerPort: 99999999999999999999",
        "x:80|invalid hostPort: x",
        "1-2:80-82|invalid ranges specified for container and host Ports: 80-82 and 1-2",
        "1.2.3:1:2|invalid IP address: 1.2.3",
        "1.2.3.04:1:2|invalid IP address: 1.2.3.04",
        "1:2:3:4:5|invalid IP address: 1:2:3",
        "[x]:1:2|invalid IP address: x",
        "[::1:1:2|invalid IP address [::1: address [::1:: missing ']' in address",
        "[::1]x:1:2|invalid IP address [::1]x: address [::1]x:: missing port in address",
      })
  void isRefused(String word, String reason) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> Port.parse(word).ports())
        .withMessage(reason);
  }

  @Test
  void saysWhatRulesWantToKnow() {
    assertThat(Port.parse("80/TCP").isProperCase()).isFalse();
    assertThat(Port.parse("80").isProperCase()).isTrue();
    assertThat(Port.parse("80").isPlain()).isTrue();
    assertThat(Port.parse("1:80").isPlain()).isFalse();
    assertThat(Port.parse("1.1.1.1::80").isPlain()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"9", "64", "-1", "TERM", "sigterm", "SIGRTMIN", "RTMIN+15", "SIGRTMAX-14", "CLD"})
  void namesASignal(String text) {
    assertThat(Signals.isSignal(text)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "", "FOO", "SIG", "RTMIN+16", "RTMIN+0", "RTMAX-15", "1x"})
  void namesNoSignal(String text) {
    assertThat(Signals.isSignal(text)).isFalse();
  }
}
