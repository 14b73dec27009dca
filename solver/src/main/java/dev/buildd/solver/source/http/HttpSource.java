package dev.buildd.solver.source.http;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.HttpUrl;
import dev.buildd.cache.CacheManager;
import dev.buildd.solver.source.PgpSignature;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceFile;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** Files of web servers: {@code http://} and {@code https://}. */
public final class HttpSource implements Source {
  private static final String HEADER = "http.header.";
  private static final Map<String, String> HEADERS =
      Map.of("accept", "Accept", "user-agent", "User-Agent");

  private final CacheManager cache;
  private final HttpClient client = HttpClient.create();

  public HttpSource(CacheManager cache) {
    this.cache = cache;
  }

  @Override
  public Set<String> schemes() {
    return Set.of("http", "https");
  }

  /** What an address stands for at the moment. */
  public record Metadata(Digest digest, String filename, Optional<Instant> lastModified) {}

  /** Finds out what is meant; what had to be downloaded for that is kept for the build. */
  public Metadata resolve(String identifier, Map<String, String> attributes, SourceContext context)
      throws Exception {
    return open(identifier, attributes).metadata(context);
  }

  /** The digest of the file with something appended, by which clients check signatures. */
  public Digest checksum(
      String identifier,
      Map<String, String> attributes,
      Digest.Algorithm algorithm,
      byte[] suffix,
      SourceContext context)
      throws Exception {
    return open(identifier, attributes).checksum(context, algorithm, suffix);
  }

  /**
   * What to bring.
   *
   * @param file without a name for the server's choice
   * @param headers by canonical name
   * @param signature which the file has to have
   */
  record Request(
      HttpUrl uri,
      String url,
      Optional<Digest> checksum,
      SourceFile file,
      String headerSecret,
      SortedMap<String, String> headers,
      Optional<PgpSignature> signature) {}

  @Override
  public Instance open(String identifier, Map<String, String> attributes, Platform platform) {
    return open(identifier, attributes);
  }

  private HttpDownload open(String identifier, Map<String, String> attributes) {
    HttpUrl uri;
    try {
      uri = HttpUrl.parse(identifier);
    } catch (IllegalArgumentException e) {
      throw BuildException.invalid("invalid http url: " + e.getMessage());
    }
    SortedMap<String, String> headers = new TreeMap<>();
    attributes.forEach((name, value) -> {
      if (name.startsWith(HEADER)) {
        String canonical = HEADERS.get(name.substring(HEADER.length()).toLowerCase(Locale.ROOT));
        if (canonical != null) {
          headers.put(canonical, headerValue(value));
        }
      }
    });
    return new HttpDownload(
        cache,
        client,
        new Request(
            uri,
            identifier,
            Optional.ofNullable(attributes.get("http.checksum")).map(Digest::parse),
            SourceFile.of(attributes),
            attributes.getOrDefault("http.authheadersecret", ""),
            headers,
            signature(attributes)));
  }

  private static Optional<PgpSignature> signature(Map<String, String> attributes) {
    String keys = attributes.getOrDefault("http.sig.pubkey", "");
    String signature = attributes.getOrDefault("http.sig.signature", "");
    if (keys.isEmpty() != signature.isEmpty()) {
      throw BuildException.invalid(
          "http signature verification requires both pubkey and signature");
    }
    return keys.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new PgpSignature(
                keys.getBytes(StandardCharsets.UTF_8), signature.getBytes(StandardCharsets.UTF_8)));
  }

  static String headerValue(String value) {
    if (value.chars().anyMatch(c -> (c < ' ' && c != '\t') || c == 0x7f)) {
      throw BuildException.invalid("invalid http header");
    }
    return value;
  }
}
