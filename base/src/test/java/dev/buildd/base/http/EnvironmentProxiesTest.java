package dev.buildd.base.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class EnvironmentProxiesTest {
  @Test
  void proxiesComeFromTheEnvironment() {
    EnvironmentProxies proxies =
        new EnvironmentProxies(
            Map.of("https_proxy", "http://p:8080", "NO_PROXY", "a.com,.b.com,c.com:99,*.d.com"));
    java.util.function.Function<String, String> of =
        uri -> proxies.select(java.net.URI.create(uri)).getFirst().type().toString();
    assertThat(of.apply("https://x.org/")).isEqualTo("HTTP");
    assertThat(of.apply("http://x.org/")).isEqualTo("DIRECT");
    assertThat(of.apply("https://a.com/")).isEqualTo("DIRECT");
    assertThat(of.apply("https://s.a.com/")).isEqualTo("DIRECT");
    assertThat(of.apply("https://b.com/")).isEqualTo("HTTP");
    assertThat(of.apply("https://s.b.com/")).isEqualTo("DIRECT");
    assertThat(of.apply("https://c.com/")).isEqualTo("HTTP");
    assertThat(of.apply("https://c.com:99/")).isEqualTo("DIRECT");
    assertThat(of.apply("https://s.d.com/")).isEqualTo("DIRECT");
    assertThat(of.apply("https://localhost/")).isEqualTo("DIRECT");
  }
}
