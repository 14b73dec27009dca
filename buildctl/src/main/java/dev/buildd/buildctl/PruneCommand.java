package dev.buildd.buildctl;

import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.buildctl.format.GoTemplate;
import dev.buildd.buildctl.format.TabWriter;
import dev.buildd.buildctl.format.Units;
import dev.buildd.client.BuildClient;
import dev.buildd.client.UsageInfo;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** {@code buildctl prune}. */
final class PruneCommand {
  private static final Flag KEEP =
      Flag.of(Flag.Kind.DURATION, "keep-duration", "Keep data newer than this limit", "0s");

  private PruneCommand() {}

  static Command create(PrintStream out) {
    return Command.of(
        "prune",
        "clean up build cache",
        List.of(
            KEEP,
            Flag.of(Flag.Kind.FLOAT, "keep-storage", "Keep data below this limit (in MB)", "0"),
            Flag.of(
                Flag.Kind.FLOAT,
                "keep-storage-min",
                "Always allow data above this limit (in MB)",
                "0"),
            Flag.of(
                Flag.Kind.FLOAT, "free-storage", "Keep free data below this limit (in MB)", "0"),
            Flag.list("filter,f", "Filter records"),
            Flag.bool("all", "Include internal/frontend references"),
            Flag.bool(
                "dry-run", "Remove nothing; tell what would go, and why each other record stays"),
            Flag.bool("verbose,v", "Verbose output"),
            DiskUsageCommand.FORMAT),
        flags -> run(flags, out));
  }

  private static void run(Invocation flags, PrintStream out) throws Exception {
    BuildClient.PruneOptions options =
        new BuildClient.PruneOptions(
            flags.list("filter"),
            flags.flag("all"),
            flags.duration(KEEP),
            megabytes(flags, "keep-storage-min"),
            megabytes(flags, "keep-storage"),
            megabytes(flags, "free-storage"));
    Optional<GoTemplate> template = flags.given("format").map(GoTemplate::parse);
    AtomicLong total = new AtomicLong();
    AtomicBoolean first = new AtomicBoolean(true);
    TabWriter table = TabWriter.forTables();
    Consumer<UsageInfo> print =
        record -> {
          total.addAndGet(record.size());
          if (template.isPresent()) {
            out.println(template.get().execute(DiskUsageCommand.struct(record)));
            return;
          }
          if (flags.flag("verbose")) {
            DiskUsageCommand.verbose(table, record);
          } else {
            if (first.getAndSet(false)) {
              DiskUsageCommand.header(table);
            }
            DiskUsageCommand.row(table, record);
          }
          out.print(table.flush());
        };
    try (BuildClient client = Connection.open(flags)) {
      if (flags.flag("dry-run")) {
        plan(client, options, template, print, out);
      } else {
        client.prune(options, print);
      }
    }
    if (template.isEmpty()) {
      out.print(table.println("Total:\t" + Units.bytes(total.get())).flush());
    }
  }

  /**
   * Prints what would go as what has gone is printed; what would stay comes as a table of its own.
   */
  private static void plan(
      BuildClient client,
      BuildClient.PruneOptions options,
      Optional<GoTemplate> template,
      Consumer<UsageInfo> print,
      PrintStream out)
      throws InterruptedException {
    TabWriter kept = TabWriter.forTables();
    kept.println("KEPT\tSIZE\tWHY");
    AtomicBoolean any = new AtomicBoolean();
    client.planPrune(
        options,
        (record, why) -> {
          if (why.isEmpty()) {
            print.accept(record);
          } else {
            any.set(true);
            kept.println(record.id() + "\t" + Units.bytes(record.size()) + "\t" + why);
          }
        });
    if (any.get() && template.isEmpty()) {
      out.print(kept.flush());
    }
  }

  private static long megabytes(Invocation flags, String name) {
    return (long) (flags.real(name) * 1e6);
  }
}
