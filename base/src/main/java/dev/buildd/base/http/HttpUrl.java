package dev.buildd.base.http;

import java.net.IDN;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;

/**
 * An address of a web server as people and servers write it: {@link java.net.URI} refuses hosts
 * with an underscore, and characters that browsers and Go take. What a request cannot carry, such
 * as spaces and letters beyond ASCII, is percent-encoded; all else stays as it was written, for a
 * signature may depend on it.
 *
 * @param scheme {@code http} or {@code https}
 * @param userInfo what stands before an {@code @}
 * @param host in lower case; an IPv6 address is in brackets
 * @param port -1 for the scheme's
 * @param path begins with a slash
 * @param query without the question mark
 */
public record HttpUrl(
    String scheme,
    Optional<String> userInfo,
    String host,
    int port,
    String path,
    Optional<String> query) {
  private static final String UNWISE_IN_PATHS = "\"<>^`{|}\\";

  /** Characters by which a host would become something else. */
  private static final String NEVER_IN_HOSTS = " \"#%/<>?@[\\]^`{|}";

  private static final int MAX_PORT = 65535;

  /**
   * Reads an address; one with a fragment loses that.
   *
   * @throws IllegalArgumentException if it is not one of {@code http} or {@code https} with a host
   */
  public static HttpUrl parse(String text) {
    int colon = text.indexOf("://");
    String scheme = colon < 0 ? "" : text.substring(0, colon).toLowerCase(Locale.ROOT);
    if (!scheme.equals("http") && !scheme.equals("https")) {
      throw new IllegalArgumentException("neither http nor https");
    }
    String rest = withoutFragment(text.substring(colon + 3));
    int end = firstOf(rest, "/?");
    String authority = rest.substring(0, end);
    int at = authority.lastIndexOf('@');
    Optional<String> userInfo = at < 0 ? Optional.empty() : Optional.of(authority.substring(0, at));
    String place = authority.substring(at + 1);
    int portAt = place.indexOf(':', place.lastIndexOf(']') + 1);
    String host = portAt < 0 ? place : place.substring(0, portAt);
    int port = portAt < 0 ? -1 : port(place.substring(portAt + 1));
    return of(scheme, userInfo, host(host), port, rest.substring(end));
  }

  private static HttpUrl of(
      String scheme, Optional<String> userInfo, String host, int port, String target) {
    int question = target.indexOf('?');
    String path = question < 0 ? target : target.substring(0, question);
    return new HttpUrl(
        scheme,
        userInfo,
        host,
        port,
        encoded(path.isEmpty() ? "/" : path, true),
        question < 0
            ? Optional.empty()
            : Optional.of(encoded(target.substring(question + 1), false)));
  }

  private static String withoutFragment(String text) {
    int hash = text.indexOf('#');
    return hash < 0 ? text : text.substring(0, hash);
  }

  private static int firstOf(String text, String characters) {
    for (int i = 0; i < text.length(); i++) {
      if (characters.indexOf(text.charAt(i)) >= 0) {
        return i;
      }
    }
    return text.length();
  }

  private static int port(String text) {
    if (text.isEmpty()) {
      return -1;
    }
    if (text.length() <= 5 && text.chars().allMatch(c -> c >= '0' && c <= '9')) {
      int port = Integer.parseInt(text);
      if (port <= MAX_PORT) {
        return port;
      }
    }
    throw new IllegalArgumentException("invalid port");
  }

  private static String host(String text) {
    if (text.startsWith("[") && text.endsWith("]")) {
      String address = text.substring(1, text.length() - 1);
      if (!address.isEmpty() && address.matches("[0-9a-fA-F:.]+(%25.+)?")) {
        return text.toLowerCase(Locale.ROOT);
      }
      throw new IllegalArgumentException("invalid host");
    }
    boolean usable =
        !text.isEmpty()
            && text.chars().noneMatch(c -> c <= ' ' || c == 0x7f || NEVER_IN_HOSTS.indexOf(c) >= 0);
    if (!usable) {
      throw new IllegalArgumentException("invalid host");
    }
    boolean ascii = text.chars().allMatch(c -> c < 0x80);
    return (ascii ? text : IDN.toASCII(text, IDN.ALLOW_UNASSIGNED)).toLowerCase(Locale.ROOT);
  }

  private static String encoded(String text, boolean isPath) {
    StringBuilder out = new StringBuilder(text.length());
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < bytes.length; i++) {
      int c = bytes[i] & 0xff;
      boolean stray = isPath && c == '%' && !isEscape(bytes, i);
      boolean unwise = isPath && UNWISE_IN_PATHS.indexOf(c) >= 0;
      if (c <= ' ' || c >= 0x7f || stray || unwise) {
        out.append('%').append(HexFormat.of().withUpperCase().toHexDigits((byte) c));
      } else {
        out.append((char) c);
      }
    }
    return out.toString();
  }

  private static boolean isEscape(byte[] bytes, int at) {
    return at + 2 < bytes.length
        && HexFormat.isHexDigit(bytes[at + 1])
        && HexFormat.isHexDigit(bytes[at + 2]);
  }

  /**
   * Where a reference leads, as it stands in a {@code Location} or a {@code Link}.
   *
   * @throws IllegalArgumentException if that is no address of a web server
   */
  public HttpUrl resolve(String reference) {
    String text = withoutFragment(reference.strip());
    if (text.matches("(?s)[a-zA-Z][a-zA-Z0-9+.-]*:.*")) {
      return parse(text);
    }
    if (text.startsWith("//")) {
      return parse(scheme + ":" + text);
    }
    if (text.isEmpty()) {
      return this;
    }
    if (text.substring(0, firstOf(text, "/?")).contains(":")) {
      throw new IllegalArgumentException("invalid scheme"); // RFC 3986, section 4.2
    }
    String target =
        switch (text.charAt(0)) {
          case '/' -> text;
          case '?' -> path + text;
          default -> path.substring(0, path.lastIndexOf('/') + 1) + text;
        };
    int question = target.indexOf('?');
    String places = question < 0 ? target : target.substring(0, question);
    return of(
        scheme,
        userInfo,
        host,
        port,
        withoutDots(places) + (question < 0 ? "" : target.substring(question)));
  }

  /** Without the names {@code .} and {@code ..} (RFC 3986, section 5.2.4). */
  private static String withoutDots(String path) {
    Deque<String> names = new ArrayDeque<>();
    String[] all = path.split("/", -1);
    for (int i = 1; i < all.length; i++) {
      boolean last = i == all.length - 1;
      if (all[i].equals("..")) {
        names.pollLast();
      }
      if (all[i].equals("..") || all[i].equals(".")) {
        if (last) {
          names.addLast("");
        }
      } else {
        names.addLast(all[i]);
      }
    }
    return "/" + String.join("/", names);
  }

  /** With more in the query. */
  public HttpUrl withQuery(String more) {
    return new HttpUrl(
        scheme,
        userInfo,
        host,
        port,
        path,
        Optional.of(query.map(q -> q + "&" + more).orElse(more)));
  }

  public boolean isSecure() {
    return scheme.equals("https");
  }

  /** The port that is connected to. */
  public int effectivePort() {
    return port >= 0 ? port : isSecure() ? 443 : 80;
  }

  /** Host and port as they were written. */
  public String authority() {
    return port < 0 ? host : host + ":" + port;
  }

  /** The host by which it is looked up. */
  String address() {
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  /** What a request asks the server for. */
  public String target() {
    return path + query.map(q -> "?" + q).orElse("");
  }

  /** Whether both are of one server, which may be told the same secrets. */
  public boolean isSameOrigin(HttpUrl other) {
    return scheme.equals(other.scheme)
        && host.equals(other.host)
        && effectivePort() == other.effectivePort();
  }

  /** The path as text. */
  public String decodedPath() {
    byte[] out = new byte[path.length()];
    byte[] bytes = path.getBytes(StandardCharsets.US_ASCII);
    int n = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '%' && isEscape(bytes, i)) {
        out[n++] = (byte) HexFormat.fromHexDigits(path, i + 1, i + 3);
        i += 2;
      } else {
        out[n++] = bytes[i];
      }
    }
    return new String(out, 0, n, StandardCharsets.UTF_8);
  }

  /** An address as messages may tell it: what comes after the path is often a signature. */
  public String shown() {
    return scheme + "://" + authority() + path;
  }

  /** All but the user's name and password. */
  @Override
  public String toString() {
    return scheme + "://" + authority() + target();
  }
}
