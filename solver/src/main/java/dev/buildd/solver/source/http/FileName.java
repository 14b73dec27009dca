package dev.buildd.solver.source.http;

import dev.buildd.base.http.HttpUrl;
import dev.buildd.solver.source.SourceFile;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** By what name a download is kept: always one plain name, whatever a server says. */
final class FileName {
  private static final Pattern DISPOSITION =
      Pattern.compile("(?i);\\s*filename\\s*=\\s*(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([^;\\s\"]+))");
  private static final Pattern EXTENDED =
      Pattern.compile("(?i);\\s*filename\\*\\s*=\\s*utf-8''([^;\\s]+)");

  private FileName() {}

  /**
   * The name asked for, else the server's, else the address's last part.
   *
   * @param disposition the header Content-Disposition
   */
  static String of(String asked, Optional<String> disposition, HttpUrl url) {
    if (!asked.isEmpty()) {
      return SourceFile.safeName(asked);
    }
    Optional<String> served = disposition.flatMap(FileName::served);
    if (served.isPresent() && !served.get().isEmpty() && !served.get().endsWith("/")) {
      return SourceFile.safeName(served.get());
    }
    return SourceFile.safeName(url.decodedPath());
  }

  private static Optional<String> served(String header) {
    Matcher extended = EXTENDED.matcher(header);
    if (extended.find()) {
      try {
        return Optional.of(
            URLDecoder.decode(extended.group(1).replace("+", "%2B"), StandardCharsets.UTF_8));
      } catch (IllegalArgumentException e) {
        return Optional.empty();
      }
    }
    Matcher plain = DISPOSITION.matcher(header);
    if (!plain.find()) {
      return Optional.empty();
    }
    return Optional.of(
        plain.group(2) == null ? plain.group(1).replaceAll("\\\\(.)", "$1") : plain.group(2));
  }
}
