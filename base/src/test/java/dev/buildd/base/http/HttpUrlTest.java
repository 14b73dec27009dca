package dev.buildd.base.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class HttpUrlTest {
  private static String target(String rest) {
    return HttpUrl.parse("http://h" + rest).target();
  }

  @Test
  void whatARequestCannotCarryIsEncodedAndAllElseStays() {
    assertThat(target("")).isEqualTo("/");
    assertThat(target("?q")).isEqualTo("/?q");
    assertThat(target("/a|b")).isEqualTo("/a%7Cb");
    assertThat(target("/a{b}^\"<>`\\")).isEqualTo("/a%7Bb%7D%5E%22%3C%3E%60%5C");
    assertThat(target("/a b")).isEqualTo("/a%20b");
    assertThat(target("/a[1]")).isEqualTo("/a[1]");
    assertThat(target("/é")).isEqualTo("/%C3%A9");
    assertThat(target("/a%2Fb%zz%")).isEqualTo("/a%2Fb%25zz%25");
    assertThat(target("/q?x=a|b&y={1}^`\"&z=%zz")).isEqualTo("/q?x=a|b&y={1}^`\"&z=%zz");
    assertThat(target("/q?a b\n")).isEqualTo("/q?a%20b%0A");
    assertThat(target("/p#part?no")).isEqualTo("/p");
  }

  @Test
  void hostsMayHaveUnderscores() {
    HttpUrl url = HttpUrl.parse("HTTPS://user:pa@ss@My_Files:8443/x?y");
    assertThat(url.isSecure()).isTrue();
    assertThat(url.host()).isEqualTo("my_files");
    assertThat(url.effectivePort()).isEqualTo(8443);
    assertThat(url.userInfo()).contains("user:pa@ss");
    assertThat(url).hasToString("https://my_files:8443/x?y");
    assertThat(url.shown()).isEqualTo("https://my_files:8443/x");
    assertThat(HttpUrl.parse("http://[FD00::1]:81/").authority()).isEqualTo("[fd00::1]:81");
    assertThat(HttpUrl.parse("http://[fd00::1]").address()).isEqualTo("fd00::1");
    assertThat(HttpUrl.parse("http://bücher.example/").host()).isEqualTo("xn--bcher-kva.example");
    assertThat(HttpUrl.parse("http://h:/x").effectivePort()).isEqualTo(80);
  }

  @Test
  void whatIsNoAddressIsRefused() {
    for (String text :
        new String[] {
          "",
          "h",
          "ftp://h/",
          "http:/h",
          "http://",
          "http://:80/",
          "http://h:x/",
          "http://h:70000/",
          "http://a b/",
          "http://a\r\nX: y/",
          "http://[::1",
          "http://[x]/",
          "http://a%2Fb/",
          "http://a<b>/",
          "file:///etc/passwd"
        }) {
      assertThatThrownBy(() -> HttpUrl.parse(text))
          .as(text)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void referencesLeadOn() {
    HttpUrl at = HttpUrl.parse("http://h:8/a/b/c?q=1");
    assertThat(at.resolve("http://g_h/x|y")).hasToString("http://g_h/x%7Cy");
    assertThat(at.resolve("//g/x")).hasToString("http://g/x");
    assertThat(at.resolve("/x/../y?z#f")).hasToString("http://h:8/y?z");
    assertThat(at.resolve("d")).hasToString("http://h:8/a/b/d");
    assertThat(at.resolve("../d/.")).hasToString("http://h:8/a/d/");
    assertThat(at.resolve("../../../../d")).hasToString("http://h:8/d");
    assertThat(at.resolve("?n=2")).hasToString("http://h:8/a/b/c?n=2");
    assertThat(at.resolve("")).isEqualTo(at);
    assertThatThrownBy(() -> at.resolve("ftp://h/x")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> at.resolve("ht tp://x")).isInstanceOf(IllegalArgumentException.class);
    assertThat(at.resolve("/x:y/z?a:b")).hasToString("http://h:8/x:y/z?a:b");
    assertThatThrownBy(() -> at.resolve("mailto:a")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void originsAreSchemeHostAndPort() {
    HttpUrl url = HttpUrl.parse("http://h/x");
    assertThat(url.isSameOrigin(HttpUrl.parse("http://H:80/y"))).isTrue();
    assertThat(url.isSameOrigin(HttpUrl.parse("https://h/x"))).isFalse();
    assertThat(url.isSameOrigin(HttpUrl.parse("http://h:81/x"))).isFalse();
    assertThat(HttpUrl.parse("http://h/a%20b%C3%A9%zz").decodedPath()).isEqualTo("/a bé%zz");
  }
}
