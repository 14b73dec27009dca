package dev.buildd.base.http;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The proxies that {@code HTTP_PROXY}, {@code HTTPS_PROXY} and {@code NO_PROXY} name, by Go's
 * rules: never for this machine itself.
 */
final class EnvironmentProxies extends ProxySelector {
  private static final List<Proxy> DIRECT = List.of(Proxy.NO_PROXY);

  private final String http;
  private final String https;
  private final String except;

  EnvironmentProxies(Map<String, String> environment) {
    this.http = value(environment, "HTTP_PROXY");
    this.https = value(environment, "HTTPS_PROXY");
    this.except = value(environment, "NO_PROXY");
  }

  private static String value(Map<String, String> environment, String name) {
    String upper = environment.getOrDefault(name, "");
    return upper.isEmpty() ? environment.getOrDefault(name.toLowerCase(Locale.ROOT), "") : upper;
  }

  @Override
  public List<Proxy> select(@Nullable URI uri) {
    if (uri == null || uri.getHost() == null) {
      return DIRECT;
    }
    String proxy = "https".equalsIgnoreCase(uri.getScheme()) ? https : http;
    if (proxy.isEmpty() || isExcepted(uri.getHost().toLowerCase(Locale.ROOT), uri.getPort())) {
      return DIRECT;
    }
    URI address = URI.create(proxy.contains("://") ? proxy : "http://" + proxy);
    if (address.getHost() == null) {
      return DIRECT;
    }
    int port = address.getPort() < 0 ? 80 : address.getPort();
    return List.of(
        new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(address.getHost(), port)));
  }

  private boolean isExcepted(String host, int port) {
    if (host.equals("localhost") || host.startsWith("127.") || host.equals("[::1]")) {
      return true;
    }
    for (String part : except.split(",")) {
      String rule = part.strip().toLowerCase(Locale.ROOT);
      if (rule.equals("*")) {
        return true;
      }
      int colon = rule.lastIndexOf(':');
      if (colon > 0 && rule.substring(colon + 1).matches("[0-9]+")) {
        if (!rule.substring(colon + 1).equals(Integer.toString(port))) {
          continue;
        }
        rule = rule.substring(0, colon);
      }
      if (rule.startsWith("*.")) {
        rule = rule.substring(1);
      }
      if (rule.isEmpty()) {
        continue;
      }
      if (rule.startsWith(".")
          ? host.endsWith(rule)
          : host.equals(rule) || host.endsWith("." + rule)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void connectFailed(
      @Nullable URI uri, @Nullable SocketAddress at, @Nullable IOException e) {
    // whoever sent the request is told
  }
}
