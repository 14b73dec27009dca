package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.convert.Conversion;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.frontend.dockerfile.lint.LintWarning;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.gateway.Result;
import dev.buildd.llb.DefinitionJson;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/** What should be mended, and the fault if there is one. */
final class LintAnswer {
  private LintAnswer() {}

  static Result give(ConversionRequest conversion) throws Exception {
    List<LintWarning> warnings = Collections.synchronizedList(new ArrayList<>());
    Optional<BuildException> fault = Optional.empty();
    try {
      Conversion.run(
          conversion
              .withWarnings(warnings::add)
              .withAllStages(conversion.options().target().isEmpty()));
    } catch (BuildException e) {
      if (e.category() == Category.CANCELED) {
        throw e;
      }
      fault = Optional.of(e);
    }
    SourceInfo source = conversion.source().info();
    Result answer =
        Subrequests.result(
            "1.0.0",
            Json.indented(json(warnings, fault, source)),
            Optional.of(text(warnings, source)));
    boolean clean = warnings.isEmpty() && fault.isEmpty();
    return answer.withMetadata(
        "result.statuscode", (clean ? "0" : "1").getBytes(StandardCharsets.UTF_8));
  }

  @SuppressWarnings("NullAway") // the writer takes null for a value
  private static Object json(
      List<LintWarning> warnings, Optional<BuildException> fault, SourceInfo source) {
    SequencedMap<String, Object> out = new LinkedHashMap<>();
    out.put(
        "warnings", warnings.isEmpty() ? null : warnings.stream().map(LintAnswer::json).toList());
    out.put("sources", List.of(DefinitionJson.of(source)));
    fault.ifPresent(e ->
        out.put(
            "buildError",
            new Members()
                .put("message", String.valueOf(e.getMessage()))
                .put("location", Members.location(places(e)))
                .toJson()));
    return out;
  }

  private static Object json(LintWarning warning) {
    return new Members()
        .put("ruleName", warning.rule().ruleName())
        .text("description", warning.rule().description())
        .text("url", warning.rule().url())
        .text("detail", warning.message())
        .put("location", Members.location(warning.location().spans()))
        .toJson();
  }

  /** All lines of a fault, those of places that overlap together. */
  private static List<SourceMap.Span> places(BuildException fault) {
    if (!(fault instanceof DockerfileException e)) {
      return List.of();
    }
    List<SourceMap.Span> all =
        e.locations().stream()
            .map(Location::spans)
            .flatMap(List::stream)
            .sorted(Comparator.comparingInt(SourceMap.Span::startLine))
            .toList();
    List<SourceMap.Span> out = new ArrayList<>();
    for (SourceMap.Span span : all) {
      if (!out.isEmpty() && span.startLine() <= out.getLast().endLine()) {
        SourceMap.Span before = out.removeLast();
        out.add(
            SourceMap.Span.lines(before.startLine(), Math.max(before.endLine(), span.endLine())));
      } else {
        out.add(span);
      }
    }
    return out;
  }

  private static String text(List<LintWarning> warnings, SourceInfo source) {
    StringBuilder out = new StringBuilder();
    warnings.stream()
        .sorted(Comparator.comparingInt(warning -> warning.location().first()))
        .forEach(warning -> {
          String url = warning.rule().url();
          out.append("\nWARNING: ")
              .append(warning.rule().ruleName())
              .append(url.isEmpty() ? "" : " - " + url)
              .append('\n')
              .append(warning.message())
              .append('\n')
              .append(SourceExcerpt.of(source, warning.location()));
        });
    return out.toString();
  }
}
