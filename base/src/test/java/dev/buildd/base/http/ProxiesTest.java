package dev.buildd.base.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ProxiesTest {
  private static boolean isDirect(String except, String url) throws IOException {
    return new Proxies(
            Map.of("HTTP_PROXY", "p:3128", "https_proxy", "http://p:8080", "NO_PROXY", except))
        .select(HttpUrl.parse(url))
        .isEmpty();
  }

  @Test
  void exceptionsAreGos() throws Exception {
    String names = "a.com, .b.com,c.com:99,*.d.com,e.com.,f_g";
    for (String direct :
        new String[] {
          "https://a.com/", "https://s.a.com/", "https://A.COM./", "https://s.b.com/",
          "https://c.com:99/", "https://s.d.com/", "https://e.com/", "http://f_g/",
          "https://localhost/", "http://127.1.2.3/", "http://[::1]:5/"
        }) {
      assertThat(isDirect(names, direct)).as(direct).isTrue();
    }
    for (String proxied :
        new String[] {"https://b.com/", "https://c.com/", "https://xa.com/", "https://d.com/"}) {
      assertThat(isDirect(names, proxied)).as(proxied).isFalse();
    }
    assertThat(isDirect("*", "http://x/")).isTrue();
    assertThat(isDirect("", "http://x/")).isFalse();
  }

  @Test
  void networksAndPorts() throws Exception {
    assertThat(isDirect("10.0.0.0/8", "http://10.1.2.3:8001/")).isTrue();
    assertThat(isDirect("10.0.0.0/8", "http://11.1.2.3/")).isFalse();
    assertThat(isDirect("10.0.0.0/8", "http://10.example/")).isFalse();
    assertThat(isDirect("172.16.0.0/12", "http://172.31.255.255/")).isTrue();
    assertThat(isDirect("172.16.0.0/12", "http://172.32.0.0/")).isFalse();
    assertThat(isDirect("10.1.2.3", "http://10.1.2.3:8001/")).isTrue();
    assertThat(isDirect("10.1.2.3:80", "http://10.1.2.3/")).isTrue();
    assertThat(isDirect("10.1.2.3:443", "https://10.1.2.3/")).isTrue();
    assertThat(isDirect("10.1.2.3:81", "http://10.1.2.3/")).isFalse();
    assertThat(isDirect("fd00::/8", "http://[fd00::1]:8001/")).isTrue();
    assertThat(isDirect("fe80::/8", "http://[fd00::1]/")).isFalse();
    assertThat(isDirect("fd00::1", "http://[fd00::1]:8001/")).isTrue();
    assertThat(isDirect("[fd00::1]:80", "http://[fd00::1]/")).isTrue();
    assertThat(isDirect("[fd00::1]:81", "http://[fd00::1]/")).isFalse();
    assertThat(isDirect("0.0.0.0/99,x/y,/", "http://1.2.3.4/")).isFalse();
  }

  @Test
  void aProxyMayHaveCredentials() throws Exception {
    Proxies.Server server =
        new Proxies(Map.of("http_proxy", "http://us%20er:p%40ss%3Aw+@P_x"))
            .select(HttpUrl.parse("http://h/"))
            .orElseThrow();
    assertThat(server.url().host()).isEqualTo("p_x");
    assertThat(server.url().effectivePort()).isEqualTo(80);
    assertThat(server.authorization()).contains("Basic dXMgZXI6cEBzczp3Kw==");
    assertThat(server.toString()).doesNotContain("ss");
    assertThatThrownBy(() ->
            new Proxies(Map.of("HTTP_PROXY", "socks5://p:1")).select(HttpUrl.parse("http://h/")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("proxy that the environment names");
  }
}
