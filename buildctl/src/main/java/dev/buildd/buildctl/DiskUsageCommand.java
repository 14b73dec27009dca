package dev.buildd.buildctl;

import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.buildctl.format.GoStruct;
import dev.buildd.buildctl.format.GoTemplate;
import dev.buildd.buildctl.format.TabWriter;
import dev.buildd.buildctl.format.Units;
import dev.buildd.client.BuildClient;
import dev.buildd.client.UsageInfo;
import java.io.PrintStream;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** {@code buildctl du}. */
final class DiskUsageCommand {
  static final Flag FORMAT =
      Flag.string("format", "Format the output using the given Go template, e.g, '{{json .}}'", "");
  private static final Pattern OPERATOR = Pattern.compile("==|!=|~=");
  private static final List<String> FIELDS =
      List.of(
          "id",
          "parents",
          "description",
          "inuse",
          "mutable",
          "immutable",
          "type",
          "shared",
          "private");

  private DiskUsageCommand() {}

  static Command create(PrintStream out) {
    return Command.of(
        "du",
        "disk usage",
        List.of(
            Flag.list("filter,f", "Filter records"),
            Flag.bool("verbose,v", "Verbose output"),
            FORMAT),
        flags -> run(flags, out));
  }

  private static void run(Invocation flags, PrintStream out) throws Exception {
    List<UsageInfo> records;
    List<String> filters = filters(flags.list("filter"));
    Optional<String> prefix = prefix(flags.list("filter"));
    try (BuildClient client = Connection.open(flags)) {
      records =
          client.diskUsage(filters).stream()
              .filter(record -> record.id().startsWith(prefix.orElse("")))
              .sorted(Comparator.comparingLong(UsageInfo::size).thenComparing(UsageInfo::id))
              .toList();
    }
    Optional<String> format = flags.given("format");
    if (format.isPresent()) {
      out.println(
          GoTemplate.parse(format.get())
              .execute(records.stream().map(DiskUsageCommand::struct).toList()));
      return;
    }
    TabWriter table = TabWriter.forTables();
    if (flags.flag("verbose")) {
      records.forEach(record -> verbose(table, record));
    } else {
      header(table);
      records.forEach(record -> row(table, record));
    }
    out.print(table.flush());
    if (flags.list("filter").isEmpty()) {
      summary(table, records);
      out.print(table.flush());
    }
  }

  /** What today's daemon understands of the filters. */
  private static List<String> filters(List<String> given) {
    return given.stream().filter(filter -> !isPrefix(filter)).toList();
  }

  /** The first buildctl took the beginning of an id; a filter without an operator still is that. */
  private static Optional<String> prefix(List<String> given) {
    return given.stream().filter(DiskUsageCommand::isPrefix).findFirst();
  }

  private static boolean isPrefix(String filter) {
    return !OPERATOR.matcher(filter).find() && !FIELDS.contains(filter);
  }

  static GoStruct struct(UsageInfo r) {
    return new GoStruct()
        .with("ID", "id", r.id())
        .with("Mutable", "mutable", r.mutable())
        .with("InUse", "inUse", r.inUse())
        .with("Size", "size", r.size())
        .with("CreatedAt", "createdAt", r.createdAt())
        .with("LastUsedAt", "lastUsedAt", r.lastUsedAt())
        .with("UsageCount", "usageCount", r.usageCount())
        .with("Parents", "parents", r.parents().isEmpty() ? null : r.parents())
        .with("Description", "description", r.description())
        .with("RecordType", "recordType", r.recordType())
        .with("Shared", "shared", r.shared());
  }

  static void header(TabWriter table) {
    table.println("ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED");
  }

  static void row(TabWriter table, UsageInfo r) {
    table.println(
        String.format(
            Locale.ROOT,
            "%-71s\t%-11s\t%s\t",
            r.id() + (r.mutable() ? "*" : ""),
            !r.inUse(),
            Units.bytes(r.size()) + (r.shared() ? "*" : "")));
  }

  static void verbose(TabWriter table, UsageInfo r) {
    table.println("ID:\t" + r.id());
    if (!r.parents().isEmpty()) {
      table.println("Parents:\t" + String.join(";", r.parents()));
    }
    table.println("Created at:\t" + GoStruct.plain(r.createdAt()));
    table.println("Mutable:\t" + r.mutable());
    table.println("Reclaimable:\t" + !r.inUse());
    table.println("Shared:\t" + r.shared());
    table.println("Size:\t" + Units.bytes(r.size()));
    if (!r.description().isEmpty()) {
      table.println("Description:\t" + r.description());
    }
    table.println("Usage count:\t" + r.usageCount());
    r.lastUsedAt().ifPresent(at -> table.println("Last used:\t" + GoStruct.plain(at)));
    if (!r.recordType().isEmpty()) {
      table.println("Type:\t" + r.recordType());
    }
    table.println("");
  }

  private static void summary(TabWriter table, List<UsageInfo> records) {
    long total = 0;
    long reclaimable = 0;
    long shared = 0;
    for (UsageInfo r : records) {
      total += Math.max(0, r.size());
      reclaimable += r.inUse() ? 0 : Math.max(0, r.size());
      shared += r.shared() ? r.size() : 0;
    }
    if (shared > 0) {
      table.println("Shared:\t" + Units.bytes(shared));
      table.println("Private:\t" + Units.bytes(total - shared));
    }
    table.println("Reclaimable:\t" + Units.bytes(reclaimable));
    table.println("Total:\t" + Units.bytes(total));
  }
}
