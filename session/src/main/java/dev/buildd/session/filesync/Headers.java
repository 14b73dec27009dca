package dev.buildd.session.filesync;

import dev.buildd.session.filesync.source.FileSyncRequest;
import io.grpc.Metadata;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Text values in gRPC metadata, which is ASCII: where a key has any value beyond that, all its
 * values are URL-encoded and a second key says so (wire.md section 4.1).
 */
final class Headers {
  static final String DIR_NAME = "dir-name";
  static final String INCLUDE = "include-patterns";
  static final String EXCLUDE = "exclude-patterns";
  static final String FOLLOW = "followpaths";
  static final String EXPORTER_ID = "buildkit-attachable-exporter-id";
  static final String MULTI_PLATFORM = "buildkit-exporter-multi-platform";
  static final String EXPORTER_METADATA = "exporter-md-";

  private static final String ENCODED = "-encoded";

  private Headers() {}

  static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  static void put(Metadata metadata, String name, List<String> values) {
    boolean encode = values.stream().anyMatch(v -> v.chars().anyMatch(c -> c > 127));
    for (String value : values) {
      metadata.put(key(name), encode ? URLEncoder.encode(value, StandardCharsets.UTF_8) : value);
    }
    if (encode) {
      metadata.put(key(name + ENCODED), "1");
    }
  }

  static List<String> get(Metadata metadata, String name) {
    Iterable<String> values = metadata.getAll(key(name));
    if (values == null) {
      return List.of();
    }
    String flag = metadata.get(key(name + ENCODED));
    boolean encoded = flag != null && (flag.equals("1") || flag.equalsIgnoreCase("true"));
    List<String> out = new ArrayList<>();
    for (String value : values) {
      out.add(encoded ? URLDecoder.decode(value, StandardCharsets.UTF_8) : value);
    }
    return List.copyOf(out);
  }

  static Metadata of(FileSyncRequest request) {
    Metadata headers = new Metadata();
    put(headers, DIR_NAME, List.of(request.dirName()));
    put(headers, INCLUDE, request.includePatterns());
    put(headers, EXCLUDE, request.excludePatterns());
    put(headers, FOLLOW, request.followPaths());
    return headers;
  }

  static FileSyncRequest request(Metadata headers) {
    List<String> name = get(headers, DIR_NAME);
    return new FileSyncRequest(
        name.isEmpty() ? "" : name.getFirst(),
        get(headers, INCLUDE),
        get(headers, EXCLUDE),
        get(headers, FOLLOW));
  }

  /** The exporter's response values that came with a stream. */
  static Map<String, String> exporterMetadata(Metadata headers) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String name : headers.keys()) {
      if (name.startsWith(EXPORTER_METADATA) && !name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
        Iterable<String> values = headers.getAll(key(name));
        if (values != null) {
          out.put(name.substring(EXPORTER_METADATA.length()), String.join(",", values));
        }
      }
    }
    return out;
  }
}
