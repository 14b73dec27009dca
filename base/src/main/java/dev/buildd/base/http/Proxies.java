package dev.buildd.base.http;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The proxies that {@code HTTP_PROXY}, {@code HTTPS_PROXY} and {@code NO_PROXY} name, by Go's
 * rules: never for this machine itself.
 */
public final class Proxies {
  private final String http;
  private final String https;
  private final String except;

  /** What the environment says. */
  public Proxies(Map<String, String> environment) {
    this.http = value(environment, "HTTP_PROXY");
    this.https = value(environment, "HTTPS_PROXY");
    this.except = value(environment, "NO_PROXY");
  }

  private static String value(Map<String, String> environment, String name) {
    String upper = environment.getOrDefault(name, "");
    return upper.isEmpty() ? environment.getOrDefault(name.toLowerCase(Locale.ROOT), "") : upper;
  }

  /**
   * A proxy.
   *
   * @param authorization the header {@code Proxy-Authorization}
   */
  public record Server(HttpUrl url, Optional<String> authorization) {
    @Override
    public String toString() {
      return url.authority(); // the credentials stay out of logs
    }
  }

  /**
   * The proxy for an address; empty if it is to be reached directly.
   *
   * @throws IOException if the environment names one that cannot be used
   */
  public Optional<Server> select(HttpUrl url) throws IOException {
    String proxy = url.isSecure() ? https : http;
    if (proxy.isEmpty() || isExcepted(url)) {
      return Optional.empty();
    }
    try {
      HttpUrl server = HttpUrl.parse(proxy.contains("://") ? proxy : "http://" + proxy);
      return Optional.of(new Server(server, server.userInfo().map(Proxies::basic)));
    } catch (IllegalArgumentException e) {
      throw new IOException("the proxy that the environment names: " + e.getMessage(), e);
    }
  }

  private static String basic(String userInfo) {
    int colon = userInfo.indexOf(':');
    String user = colon < 0 ? userInfo : userInfo.substring(0, colon);
    String password = colon < 0 ? "" : userInfo.substring(colon + 1);
    String pair = decoded(user) + ":" + decoded(password);
    return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  private boolean isExcepted(HttpUrl url) {
    String host = withoutDot(url.address());
    Optional<InetAddress> address = address(host);
    if (host.equals("localhost") || address.filter(InetAddress::isLoopbackAddress).isPresent()) {
      return true;
    }
    for (String part : except.split(",")) {
      String rule = part.strip().toLowerCase(Locale.ROOT);
      if (!rule.isEmpty() && matches(rule, host, address, url.effectivePort())) {
        return true;
      }
    }
    return false;
  }

  private static boolean matches(
      String rule, String host, Optional<InetAddress> address, int port) {
    if (rule.equals("*")) {
      return true;
    }
    if (rule.contains("/")) {
      return address.isPresent() && isInNetwork(address.get(), rule);
    }
    String name = rule;
    int colon = rule.lastIndexOf(':');
    boolean bareIpv6 = !rule.startsWith("[") && rule.indexOf(':') != colon;
    if (colon >= 0 && !bareIpv6 && rule.substring(colon + 1).matches("[0-9]{1,5}")) {
      if (Integer.parseInt(rule.substring(colon + 1)) != port) {
        return false;
      }
      name = rule.substring(0, colon);
    }
    name = name.startsWith("[") && name.endsWith("]") ? name.substring(1, name.length() - 1) : name;
    Optional<InetAddress> named = address(name);
    if (named.isPresent()) {
      return named.equals(address);
    }
    name = withoutDot(name.startsWith("*.") ? name.substring(1) : name);
    return name.startsWith(".")
        ? host.endsWith(name)
        : !name.isEmpty() && (host.equals(name) || host.endsWith("." + name));
  }

  private static String withoutDot(String name) {
    return name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
  }

  /** The address that a text writes out; names are not looked up. */
  private static Optional<InetAddress> address(String text) {
    if (!text.contains(":") && !text.matches("[0-9]+(\\.[0-9]+){3}")) {
      return Optional.empty();
    }
    try {
      return Optional.of(InetAddress.ofLiteral(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static boolean isInNetwork(InetAddress address, String rule) {
    int slash = rule.indexOf('/');
    Optional<InetAddress> network = address(rule.substring(0, slash));
    String length = rule.substring(slash + 1);
    if (network.isEmpty() || !length.matches("[0-9]{1,3}")) {
      return false;
    }
    byte[] a = network.get().getAddress();
    byte[] b = address.getAddress();
    int bits = Integer.parseInt(length);
    if (a.length != b.length || bits > a.length * 8) {
      return false;
    }
    for (int i = 0; i < bits; i++) {
      if (((a[i / 8] ^ b[i / 8]) & (0x80 >> (i % 8))) != 0) {
        return false;
      }
    }
    return true;
  }
}
