package dev.buildd.buildctl;

import com.google.protobuf.Timestamp;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.buildctl.format.GoTemplate;
import dev.buildd.buildctl.format.TabWriter;
import dev.buildd.buildctl.progress.Displays;
import dev.buildd.buildctl.progress.Progress;
import dev.buildd.buildctl.progress.Terminal;
import dev.buildd.client.BuildClient;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.BuildResultInfo;
import dev.buildd.proto.control.Descriptor;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The commands that look at builds that ran: {@code debug histories}, {@code logs} and so on. */
final class HistoryCommands {
  private HistoryCommands() {}

  static List<Command> debug(PrintStream out) {
    return List.of(
        Command.of(
            "histories",
            "list build records",
            List.of(
                DiskUsageCommand.FORMAT,
                Flag.list(
                    "filter,f",
                    "Records to list, e.g. status==error, startedAt>24h; may be repeated"),
                Flag.of(Flag.Kind.INT, "limit", "List at most this many, the newest", "0")),
            flags -> histories(flags, out)),
        Command.of(
                "logs",
                "display build logs",
                List.of(
                    Flag.string(
                        "progress", "progress output type (auto, plain, tty, rawjson)", "auto"),
                    Flag.bool("trace", "show opentelemetry trace")),
                flags -> logs(flags, out))
            .withArguments("REF"),
        Command.of(
                "ctl",
                "control build records",
                List.of(
                    Flag.bool("pin", "Pin build so it will not be garbage collected"),
                    Flag.bool("unpin", "Unpin build so it will be garbage collected"),
                    Flag.bool("delete", "Delete build record")),
                HistoryCommands::control)
            .withArguments("REF"),
        Command.of("get", "retrieve a blob from contentstore", List.of(), flags -> get(flags, out))
            .withArguments("DIGEST"),
        Command.of(
            "monitor",
            "display build events",
            List.of(
                Flag.bool("completed", "show completed builds"),
                Flag.string("ref", "show events for a specific build", "")),
            flags -> monitor(flags, out)));
  }

  /** {@code prune-histories}: forgets all builds but those that are pinned. */
  static Command prune(PrintStream out) {
    return Command.of(
        "prune-histories",
        "clean up build histories",
        List.of(DiskUsageCommand.FORMAT),
        flags -> prune(flags, out));
  }

  private static String argument(Invocation flags, String what) {
    if (flags.arguments().isEmpty()) {
      throw BuildException.invalid(what + " must be specified");
    }
    return flags.arguments().getFirst();
  }

  private static List<BuildHistoryEvent> events(BuildClient client, BuildHistoryRequest request)
      throws InterruptedException {
    List<BuildHistoryEvent> out = new ArrayList<>();
    client.history(request, out::add);
    return out;
  }

  private static void histories(Invocation flags, PrintStream out) throws Exception {
    try (BuildClient client = Connection.open(flags)) {
      BuildHistoryRequest request =
          BuildHistoryRequest.newBuilder()
              .setEarlyExit(true)
              .addAllFilter(flags.list("filter"))
              .setLimit(Integer.parseInt(flags.text("limit")))
              .build();
      Optional<GoTemplate> template = flags.given("format").map(GoTemplate::parse);
      if (template.isPresent()) {
        client.history(request, event -> out.println(template.get().execute(event)));
        return;
      }
      TabWriter table = TabWriter.forTables();
      table.println("TYPE\tREF\tCREATED\tCOMPLETED\tGENERATION\tPINNED");
      for (BuildHistoryEvent event : events(client, request)) {
        table.println(row(event) + "\t" + (event.getRecord().getPinned() ? "*" : ""));
      }
      out.print(table.flush());
    }
  }

  private static String row(BuildHistoryEvent event) {
    BuildHistoryRecord record = event.getRecord();
    return String.join(
        "\t",
        event.getType().name(),
        record.getRef(),
        record.hasCreatedAt() ? local(record.getCreatedAt()) : "",
        record.hasCompletedAt() ? local(record.getCompletedAt()) : "",
        Integer.toString(record.getGeneration()));
  }

  private static String local(Timestamp time) {
    Instant at = Instant.ofEpochSecond(time.getSeconds()).truncatedTo(ChronoUnit.SECONDS);
    return DateTimeFormatter.ISO_OFFSET_DATE_TIME.format(at.atZone(ZoneId.systemDefault()));
  }

  private static void logs(Invocation flags, PrintStream out) throws Exception {
    String ref = argument(flags, "build ref");
    String mode = Displays.chosen(flags.text("progress"), System.getenv());
    try (BuildClient client = Connection.open(flags)) {
      if (flags.flag("trace")) {
        printTrace(client, ref, out);
        return;
      }
      try (Progress progress =
          new Progress(Displays.of(mode, out, Terminal.ofStandardError(), System.getenv()))) {
        client.status(ref, progress);
      }
    }
  }

  private static void printTrace(BuildClient client, String ref, PrintStream out)
      throws IOException, InterruptedException {
    List<BuildHistoryEvent> found =
        events(client, BuildHistoryRequest.newBuilder().setRef(ref).setEarlyExit(true).build());
    if (found.isEmpty()) {
      throw BuildException.notFound("ref " + ref + " not found");
    }
    BuildHistoryRecord record = found.getFirst().getRecord();
    if (!record.hasTrace()) {
      throw BuildException.notFound("ref " + ref + " does not have trace");
    }
    client.readBlob(Digest.parse(record.getTrace().getDigest()), out);
  }

  private static void control(Invocation flags) throws Exception {
    String ref = argument(flags, "build ref");
    boolean pin = flags.flag("pin");
    boolean unpin = flags.flag("unpin");
    boolean delete = flags.flag("delete");
    if (!pin && !unpin && !delete) {
      throw BuildException.invalid("must specify one of --pin, --unpin, --delete");
    }
    if (pin && unpin) {
      throw BuildException.invalid("cannot specify both --pin and --unpin");
    }
    if (delete && (pin || unpin)) {
      throw BuildException.invalid("cannot specify --delete with --pin or --unpin");
    }
    try (BuildClient client = Connection.open(flags)) {
      client.updateHistory(
          UpdateBuildHistoryRequest.newBuilder()
              .setRef(ref)
              .setPinned(pin)
              .setDelete(delete)
              .build());
    }
  }

  private static void get(Invocation flags, PrintStream out) throws Exception {
    Digest digest = Digest.parse(argument(flags, "blob digest"));
    try (BuildClient client = Connection.open(flags)) {
      client.readBlob(digest, out);
    }
  }

  private static void monitor(Invocation flags, PrintStream out) throws Exception {
    try (BuildClient client = Connection.open(flags)) {
      BuildHistoryRequest request =
          BuildHistoryRequest.newBuilder()
              .setActiveOnly(!flags.flag("completed"))
              .setRef(flags.text("ref"))
              .build();
      client.history(
          request,
          event -> {
            print(event, out);
            out.flush();
          });
    }
  }

  private static void print(BuildHistoryEvent event, PrintStream out) {
    BuildHistoryRecord record = event.getRecord();
    out.println("event: " + event.getType().name() + " ref:" + record.getRef());
    if (record.getNumTotalSteps() != 0) {
      out.println("  cache: " + record.getNumCachedSteps() + "/" + record.getNumTotalSteps());
    }
    if (record.getNumWarnings() != 0) {
      out.println("  warnings: " + record.getNumWarnings());
    }
    if (record.hasLogs()) {
      out.println("  logs: " + text(record.getLogs()));
    }
    if (record.hasTrace()) {
      out.println("  trace: " + text(record.getTrace()));
    }
    if (record.hasResult()) {
      print("", record.getResult(), out);
    }
    record.getResultsMap().forEach((platform, result) -> print("[" + platform + "] ", result, out));
  }

  private static void print(String whose, BuildResultInfo result, PrintStream out) {
    if (result.getResultsCount() > 0) {
      result
          .getResultsMap()
          .forEach((index, made) -> out.println("  " + whose + "descriptor: " + text(made)));
    } else if (result.hasResultDeprecated()) {
      out.println("  " + whose + "descriptor: " + text(result.getResultDeprecated()));
    }
    result
        .getAttestationsList()
        .forEach(made -> out.println("  " + whose + "attestation: " + text(made)));
  }

  /** As Go prints the message. */
  private static String text(Descriptor blob) {
    return "media_type:\""
        + blob.getMediaType()
        + "\" digest:\""
        + blob.getDigest()
        + "\" size:"
        + blob.getSize();
  }

  private static void prune(Invocation flags, PrintStream out) throws Exception {
    Optional<GoTemplate> template = flags.given("format").map(GoTemplate::parse);
    TabWriter table = TabWriter.forTables();
    if (template.isEmpty()) {
      table.println("TYPE\tREF\tCREATED\tCOMPLETED\tGENERATION");
    }
    try (BuildClient client = Connection.open(flags)) {
      for (BuildHistoryEvent event :
          events(client, BuildHistoryRequest.newBuilder().setEarlyExit(true).build())) {
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
        table.println(row(event));
        out.print(table.flush());
      }
    }
    out.print(table.flush());
  }
}
