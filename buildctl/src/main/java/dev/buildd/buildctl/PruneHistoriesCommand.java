package dev.buildd.buildctl;

import com.google.protobuf.Timestamp;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.buildctl.format.GoTemplate;
import dev.buildd.buildctl.format.TabWriter;
import dev.buildd.client.BuildClient;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import java.io.PrintStream;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** {@code buildctl prune-histories}: forgets all builds but those that are pinned. */
final class PruneHistoriesCommand {
  private PruneHistoriesCommand() {}

  static Command create(PrintStream out) {
    return Command.of(
        "prune-histories",
        "clean up build histories",
        List.of(DiskUsageCommand.FORMAT),
        flags -> run(flags, out));
  }

  private static void run(Invocation flags, PrintStream out) throws Exception {
    Optional<GoTemplate> template = flags.given("format").map(GoTemplate::parse);
    TabWriter table = TabWriter.forTables();
    if (template.isEmpty()) {
      table.println("TYPE\tREF\tCREATED\tCOMPLETED\tGENERATION");
    }
    try (BuildClient client = Connection.open(flags)) {
      List<BuildHistoryEvent> events = new ArrayList<>();
      client.history(BuildHistoryRequest.newBuilder().setEarlyExit(true).build(), events::add);
      for (BuildHistoryEvent event : events) {
        BuildHistoryRecord record = event.getRecord();
        if (!event.hasRecord() || record.getPinned()) {
          continue;
        }
        client.updateHistory(
            UpdateBuildHistoryRequest.newBuilder().setRef(record.getRef()).setDelete(true).build());
        if (template.isPresent()) {
          out.println(template.get().execute(event));
          continue;
        }
        table.println(
            String.join(
                "\t",
                event.getType().name(),
                record.getRef(),
                record.hasCreatedAt() ? local(record.getCreatedAt()) : "",
                record.hasCompletedAt() ? local(record.getCompletedAt()) : "",
                Integer.toString(record.getGeneration())));
        out.print(table.flush());
      }
    }
    out.print(table.flush());
  }

  private static String local(Timestamp time) {
    Instant at = Instant.ofEpochSecond(time.getSeconds()).truncatedTo(ChronoUnit.SECONDS);
    return DateTimeFormatter.ISO_OFFSET_DATE_TIME.format(at.atZone(ZoneId.systemDefault()));
  }
}
