package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.convert.Conversion;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.frontend.dockerfile.convert.Outline;
import dev.buildd.gateway.Result;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** What whoever builds the target may or must give. */
final class OutlineAnswer {
  private OutlineAnswer() {}

  static Result give(ConversionRequest conversion) throws Exception {
    Outline outline = Conversion.run(conversion).outline().get();
    return Subrequests.result(
        "1.0.0",
        Json.indented(json(outline, conversion.source().text())),
        Optional.of(text(outline)));
  }

  private static Object json(Outline outline, byte[] source) {
    return new Members()
        .text("name", outline.name())
        .text("description", outline.description())
        .list("args", outline.arguments().stream().map(OutlineAnswer::json).toList())
        .list("secrets", outline.secrets().stream().map(OutlineAnswer::json).toList())
        .list("ssh", outline.agents().stream().map(OutlineAnswer::json).toList())
        .put("sources", List.of(Base64.getEncoder().encodeToString(source)))
        .toJson();
  }

  private static Object json(Outline.Argument argument) {
    return new Members()
        .put("name", argument.name())
        .text("description", argument.description())
        .text("value", argument.value().orElse(""))
        .place("location", argument.location().spans())
        .toJson();
  }

  private static Object json(Outline.Needed needed) {
    return new Members()
        .put("name", needed.name())
        .flag("required", needed.required())
        .place("location", needed.location().spans())
        .toJson();
  }

  private static String text(Outline outline) {
    StringBuilder out = new StringBuilder();
    if (!outline.name().isEmpty() || !outline.description().isEmpty()) {
      Table target =
          new Table(1).row("TARGET:", outline.name().isEmpty() ? "(default)" : outline.name());
      if (!outline.description().isEmpty()) {
        target.row("DESCRIPTION:", outline.description());
      }
      out.append(target).append('\n');
    }
    if (!outline.arguments().isEmpty()) {
      Table arguments = new Table(3).row("BUILD ARG", "VALUE", "DESCRIPTION");
      outline
          .arguments()
          .forEach(each -> arguments.row(each.name(), each.value().orElse(""), each.description()));
      out.append(arguments).append('\n');
    }
    append(out, "SECRET", outline.secrets());
    append(out, "SSH", outline.agents());
    return out.toString();
  }

  private static void append(StringBuilder out, String title, List<Outline.Needed> all) {
    if (all.isEmpty()) {
      return;
    }
    Table table = new Table(3).row(title, "REQUIRED");
    all.forEach(each -> table.row(each.name(), each.required() ? "true" : ""));
    out.append(table).append('\n');
  }
}
