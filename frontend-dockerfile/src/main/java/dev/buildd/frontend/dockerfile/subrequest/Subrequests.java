package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.UnsupportedException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Finds who answers a request. */
public final class Subrequests {
  private Subrequests() {}

  /**
   * Answers with metadata; no filesystem is made.
   *
   * @throws UnsupportedException if there is no such request
   */
  public static Result answer(String request, ConversionRequest conversion) throws Exception {
    return switch (request) {
      case "frontend.subrequests.describe" -> DescribeAnswer.give();
      case "frontend.outline" -> OutlineAnswer.give(conversion);
      case "frontend.targets" -> TargetsAnswer.give(conversion);
      case "frontend.lint" -> LintAnswer.give(conversion);
      case "frontend.convertllb" -> ConvertLlbAnswer.give(conversion);
      default -> throw UnsupportedException.subrequest(request);
    };
  }

  /**
   * An answer.
   *
   * @param text for people, if there is one
   */
  static Result result(String version, byte[] json, Optional<String> text) {
    Map<String, byte[]> metadata = new LinkedHashMap<>();
    metadata.put("result.json", json);
    text.ifPresent(lines -> metadata.put("result.txt", lines.getBytes(StandardCharsets.UTF_8)));
    metadata.put("version", version.getBytes(StandardCharsets.UTF_8));
    return new Result(Optional.empty(), Map.of(), metadata, Map.of());
  }
}
