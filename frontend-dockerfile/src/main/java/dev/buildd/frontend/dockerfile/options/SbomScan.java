package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.text.Csv;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.ImageName;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The wish for a list of what is in the result (section 9.6).
 *
 * @param generator the image of the scanner, in full
 * @param parameters what the scanner is told
 */
public record SbomScan(String generator, SortedMap<String, String> parameters) {
  private static final String OPTION = "attest:";
  private static final String BUILD_ARG = "build-arg:BUILDKIT_ATTEST_";
  private static final String SBOM = "sbom";
  private static final String PROVENANCE = "provenance";
  private static final String DEFAULT_GENERATOR = "docker/buildkit-syft-scanner:stable-1";

  /** Reads what attestations are wished for; provenance is none of the frontend's business. */
  static Optional<SbomScan> parse(Map<String, String> options) {
    Optional<SbomScan> out = Optional.empty();
    for (Map.Entry<String, String> option : new TreeMap<>(options).entrySet()) {
      String key = option.getKey();
      String prefix = key.startsWith(OPTION) ? OPTION : key.startsWith(BUILD_ARG) ? BUILD_ARG : "";
      if (prefix.isEmpty()) {
        continue;
      }
      String type = key.substring(prefix.length()).toLowerCase(Locale.ROOT);
      Map<String, String> attributes =
          Wrapped.in("failed to parse " + type, () -> attributes(option.getValue()));
      switch (type) {
        case SBOM -> out = Optional.of(of(attributes));
        case PROVENANCE -> {}
        default -> throw new DockerfileException("unknown attestation type " + GoQuote.of(type));
      }
    }
    return out;
  }

  private static Map<String, String> attributes(String text) {
    Map<String, String> out = new LinkedHashMap<>();
    if (!text.isEmpty()) {
      for (String field : Csv.fields(text)) {
        int equals = field.indexOf('=');
        out.put(
            equals < 0 ? field : field.substring(0, equals),
            equals < 0 ? "" : field.substring(equals + 1));
      }
    }
    return out;
  }

  private static SbomScan of(Map<String, String> attributes) {
    SortedMap<String, String> parameters = new TreeMap<>(attributes);
    String generator =
        Optional.ofNullable(parameters.remove("generator")).orElse(DEFAULT_GENERATOR);
    return new SbomScan(
        Wrapped.in(
            "failed to parse sbom scanner " + generator,
            () -> ImageName.parse(generator).tagged().toString()),
        parameters);
  }
}
