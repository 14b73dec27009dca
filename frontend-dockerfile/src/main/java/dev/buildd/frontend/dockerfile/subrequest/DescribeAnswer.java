package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.base.json.Json;
import dev.buildd.gateway.Result;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/** Which requests there are. The reference tells of three, though it answers more. */
final class DescribeAnswer {
  private static final String VERSION = "1.0.0";

  /**
   * A request that is told of.
   *
   * @param options null if there is no list of them
   */
  private record Described(String name, String description, @Nullable List<Object> options) {}

  private static final List<Described> ALL =
      List.of(
          new Described(
              "frontend.outline",
              "List all parameters current build target supports",
              List.of(named("target", "Target build stage"))),
          new Described("frontend.targets", "List all targets current build supports", List.of()),
          new Described("frontend.subrequests.describe", "List available subrequest types", null));

  private DescribeAnswer() {}

  static Result give() {
    List<Object> requests = new ArrayList<>();
    Table table = new Table(1).row("NAME", "VERSION", "DESCRIPTION");
    for (Described each : ALL) {
      requests.add(json(each));
      table.row(each.name.substring("frontend.".length()), VERSION, each.description);
    }
    return Subrequests.result(VERSION, Json.indented(requests), Optional.of(table.toString()));
  }

  @SuppressWarnings("NullAway") // the writer takes null for a value
  private static Object json(Described request) {
    SequencedMap<String, Object> out = new LinkedHashMap<>();
    out.put("name", request.name);
    out.put("version", VERSION);
    out.put("type", "rpc");
    out.put("description", request.description);
    out.put("opts", request.options);
    out.put("inputs", null);
    out.put("metadata", List.of(named("result.json", ""), named("result.txt", "")));
    out.put("refs", null);
    return out;
  }

  private static Object named(String name, String description) {
    return new Members().put("name", name).put("description", description).toJson();
  }
}
