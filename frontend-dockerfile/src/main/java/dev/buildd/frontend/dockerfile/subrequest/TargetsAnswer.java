package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.frontend.dockerfile.instruction.Dockerfile;
import dev.buildd.frontend.dockerfile.instruction.Stage;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.gateway.Result;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** Which stages there are, as they are written. */
final class TargetsAnswer {
  private TargetsAnswer() {}

  static Result give(ConversionRequest conversion) {
    byte[] source = conversion.source().text();
    List<Stage> stages = Dockerfile.parse(source, Linter.silent()).stages();
    List<Object> targets = new ArrayList<>();
    Table table = new Table(1).row("TARGET", "DESCRIPTION");
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      boolean last = i + 1 == stages.size();
      targets.add(json(stage, last));
      table.row(title(stage.name(), last), stage.description());
    }
    Object json =
        new Members()
            .put("targets", targets)
            .put("sources", List.of(Base64.getEncoder().encodeToString(source)))
            .toJson();
    return Subrequests.result("1.0.0", Json.indented(json), Optional.of(table.toString()));
  }

  private static Object json(Stage stage, boolean last) {
    return new Members()
        .text("name", stage.name())
        .flag("default", last)
        .text("description", stage.description())
        .text("base", stage.base())
        .text("platform", stage.platform())
        .place("location", stage.origin().location().spans())
        .toJson();
  }

  private static String title(String name, boolean last) {
    return name + (last ? name.isEmpty() ? "(default)" : " (default)" : "");
  }
}
