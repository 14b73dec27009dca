package dev.buildd.buildctl;

import dev.buildd.base.content.Platform;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.buildctl.format.GoStruct;
import dev.buildd.buildctl.format.GoTemplate;
import dev.buildd.buildctl.format.TabWriter;
import dev.buildd.buildctl.format.Units;
import dev.buildd.client.BuildClient;
import dev.buildd.gateway.WorkerInfo;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/** {@code buildctl debug ...}. */
final class DebugCommands {
  private DebugCommands() {}

  static Command create(PrintStream out) {
    List<Command> commands = new ArrayList<>();
    commands.addAll(
        List.of(
            DumpLlbCommand.create(out),
            DumpMetadataCommand.create(out),
            Command.of(
                "workers",
                "list workers",
                List.of(
                    Flag.list("filter,f", "containerd-style filter string slice"),
                    Flag.bool("verbose,v", "Verbose output"),
                    DiskUsageCommand.FORMAT),
                flags -> workers(flags, out)),
            Command.of(
                "info",
                "display internal information",
                List.of(DiskUsageCommand.FORMAT),
                flags -> info(flags, out))));
    commands.addAll(HistoryCommands.debug(out));
    commands.add(ExplainCommand.create(out));
    return Command.group("debug", "debug utilities", commands);
  }

  private static void info(Invocation flags, PrintStream out) throws Exception {
    WorkerInfo.BuildkitVersion version;
    try (BuildClient client = Connection.open(flags)) {
      version = client.info();
    }
    Optional<String> format = flags.given("format");
    if (format.isPresent()) {
      out.println(
          GoTemplate.parse(format.get())
              .execute(new GoStruct().with("BuildkitVersion", "buildkitVersion", struct(version))));
      return;
    }
    TabWriter table = new TabWriter(0, 0, 1, ' ');
    table.println("BuildKit:\t" + line(version));
    if (!version.dockerfileVersion().isEmpty()) {
      table.println("Dockerfile:\t" + version.dockerfileVersion());
    }
    out.print(table.flush());
  }

  private static String line(WorkerInfo.BuildkitVersion version) {
    return version.pkg() + " " + version.version() + " " + version.revision();
  }

  private static GoStruct struct(WorkerInfo.BuildkitVersion version) {
    return new GoStruct()
        .with("Package", "package", version.pkg())
        .with("Version", "version", version.version())
        .with("Revision", "revision", version.revision())
        .withOptional("DockerfileVersion", "dockerfileVersion", version.dockerfileVersion());
  }

  private static void workers(Invocation flags, PrintStream out) throws Exception {
    List<WorkerInfo> workers;
    try (BuildClient client = Connection.open(flags)) {
      workers = client.workers(flags.list("filter"));
    }
    Optional<String> format = flags.given("format");
    if (format.isPresent()) {
      out.println(
          GoTemplate.parse(format.get())
              .execute(workers.stream().map(DebugCommands::struct).toList()));
      return;
    }
    TabWriter table = TabWriter.forTables();
    if (flags.flag("verbose")) {
      workers.forEach(worker -> verbose(table, worker));
    } else {
      table.println("ID\tPLATFORMS");
      workers.forEach(worker -> table.println(worker.id() + "\t" + platforms(worker)));
    }
    out.print(table.flush());
  }

  private static String platforms(WorkerInfo worker) {
    return String.join(",", worker.platforms().stream().map(p -> p.normalized().format()).toList());
  }

  private static GoStruct struct(WorkerInfo worker) {
    return new GoStruct()
        .with("ID", "id", worker.id())
        .with("Labels", "labels", worker.labels())
        .with(
            "Platforms",
            "platforms",
            worker.platforms().stream().map(DebugCommands::struct).toList())
        .with(
            "GCPolicy", "gcPolicy", worker.gcPolicy().stream().map(DebugCommands::struct).toList())
        .with("BuildkitVersion", "buildkitVersion", struct(worker.version()))
        .with(
            "CDIDevices",
            "cdiDevices",
            worker.devices().isEmpty()
                ? null
                : worker.devices().stream().map(DebugCommands::struct).toList());
  }

  private static GoStruct struct(Platform platform) {
    return new GoStruct()
        .with("Architecture", "architecture", platform.architecture())
        .with("OS", "os", platform.os())
        .withOptional("OSVersion", "os.version", platform.osVersion())
        .withOptional("OSFeatures", "os.features", platform.osFeatures())
        .withOptional("Variant", "variant", platform.variant());
  }

  private static GoStruct struct(WorkerInfo.GcPolicy rule) {
    return new GoStruct()
        .with("All", "all", rule.all())
        .with("Filter", "filter", rule.filters().isEmpty() ? null : rule.filters())
        .with("KeepDuration", "keepDuration", rule.keepDurationNanos())
        .with("ReservedSpace", "reservedSpace", rule.reservedSpace())
        .with("MaxUsedSpace", "maxUsedSpace", rule.maxUsedSpace())
        .with("MinFreeSpace", "minFreeSpace", rule.minFreeSpace());
  }

  private static GoStruct struct(WorkerInfo.Device device) {
    return new GoStruct()
        .with("Name", "name", device.name())
        .with("AutoAllow", "autoAllow", device.autoAllow())
        .with("Annotations", "annotations", null)
        .with("OnDemand", "onDemand", device.onDemand());
  }

  private static void verbose(TabWriter table, WorkerInfo worker) {
    table.println("ID:\t" + worker.id());
    table.println("Platforms:\t" + platforms(worker));
    table.println("BuildKit:\t" + line(worker.version()));
    if (!worker.version().dockerfileVersion().isEmpty()) {
      table.println("Dockerfile:\t" + worker.version().dockerfileVersion());
    }
    table.println("Labels:");
    new TreeMap<>(worker.labels())
        .forEach((key, value) -> table.println("\t" + key + ":\t" + value));
    if (!worker.devices().isEmpty()) {
      table.println("Devices:");
      for (WorkerInfo.Device device : worker.devices()) {
        table.println("\tName:\t" + device.name());
        table.println(
            device.onDemand()
                ? "\tOnDemand:\t" + device.onDemand()
                : "\tAutoAllow:\t" + device.autoAllow());
      }
      table.println("");
    }
    for (int i = 0; i < worker.gcPolicy().size(); i++) {
      WorkerInfo.GcPolicy rule = worker.gcPolicy().get(i);
      table.println("GC Policy rule#" + i + ":");
      table.println("\tAll:\t" + rule.all());
      if (!rule.filters().isEmpty()) {
        table.println("\tFilters:\t" + String.join(" ", rule.filters()));
      }
      if (rule.keepDurationNanos() > 0) {
        table.println("\tKeep duration:\t" + duration(Duration.ofNanos(rule.keepDurationNanos())));
      }
      space(table, "Reserved space", rule.reservedSpace());
      space(table, "Minimum free space", rule.minFreeSpace());
      space(table, "Maximum used space", rule.maxUsedSpace());
    }
    table.println("");
  }

  private static void space(TabWriter table, String what, long bytes) {
    if (bytes > 0) {
      table.println("\t" + what + ":\t" + Units.shortest(bytes));
    }
  }

  /** As Go prints durations of whole seconds. */
  private static String duration(Duration d) {
    long hours = d.toHours();
    String minutes = d.toMinutesPart() + "m" + d.toSecondsPart() + "s";
    return hours > 0 ? hours + "h" + minutes : d.toMinutes() > 0 ? minutes : d.toSeconds() + "s";
  }
}
