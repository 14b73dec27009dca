package dev.buildd.buildctl.progress;

import dev.buildd.buildctl.format.GoStruct;
import dev.buildd.client.SolveStatus;

/** News of a build as one line of JSON, for programs and traces. */
public final class StatusJson {
  private StatusJson() {}

  public static String of(SolveStatus status) {
    return GoStruct.json(
        new GoStruct()
            .withOptional(
                "Vertexes",
                "vertexes",
                status.vertexes().stream()
                    .map(v ->
                        new GoStruct()
                            .withOptional("Digest", "digest", v.digest())
                            .withOptional("Inputs", "inputs", v.inputs())
                            .withOptional("Name", "name", v.name())
                            .withOptional("Started", "started", v.started())
                            .withOptional("Completed", "completed", v.completed())
                            .withOptional("Cached", "cached", v.cached())
                            .withOptional("Error", "error", v.error())
                            .withOptional("ProgressGroup", "progressGroup", v.progressGroup()))
                    .toList())
            .withOptional(
                "Statuses",
                "statuses",
                status.statuses().stream()
                    .map(s ->
                        new GoStruct()
                            .with("ID", "id", s.id())
                            .withOptional("Vertex", "vertex", s.vertex())
                            .withOptional("Name", "name", s.name())
                            .withOptional("Total", "total", s.total())
                            .with("Current", "current", s.current())
                            .with("Timestamp", "timestamp", s.timestamp())
                            .withOptional("Started", "started", s.started())
                            .withOptional("Completed", "completed", s.completed()))
                    .toList())
            .withOptional(
                "Logs",
                "logs",
                status.logs().stream()
                    .map(l ->
                        new GoStruct()
                            .withOptional("Vertex", "vertex", l.vertex())
                            .withOptional("Stream", "stream", l.stream())
                            .with("Data", "data", l.data())
                            .with("Timestamp", "timestamp", l.timestamp()))
                    .toList())
            .withOptional(
                "Warnings",
                "warnings",
                status.warnings().stream()
                    .map(w ->
                        new GoStruct()
                            .withOptional("Vertex", "vertex", w.vertex())
                            .withOptional("Level", "level", w.level())
                            .withOptional("Short", "short", w.message())
                            .withOptional("Detail", "detail", w.detail())
                            .withOptional("URL", "url", w.url())
                            .withOptional("SourceInfo", "sourceInfo", w.source())
                            .withOptional("Range", "range", w.ranges()))
                    .toList()),
        true);
  }
}
