package dev.buildd.daemon;

import dev.buildd.base.reference.Manual;
import dev.buildd.base.reference.Roff;
import dev.buildd.base.reference.Share;
import dev.buildd.base.reference.Syntax;
import dev.buildd.base.reference.Syntax.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Writes the manual pages and the completions of buildd; run when the programs are assembled. */
public final class ReferencePages {
  private static final Map<String, Value> VALUES =
      Map.of(
          "--addr", choice("ADDR", "unix://", "tcp://", "fd://"),
          "--log-format", choice("FORMAT", "json", "text"),
          "--log-level", choice("LEVEL", "error", "warn", "info", "debug", "trace"),
          "--allow-insecure-entitlement",
              choice("NAME", "network.host", "security.insecure", "device"),
          "--oci-worker", choice("BOOL", "true", "false", "auto"),
          "--containerd-worker", choice("BOOL", "true", "false", "auto"),
          "--oci-worker-snapshotter", choice("NAME", "auto", "overlayfs", "native"),
          "--oci-worker-net", choice("MODE", "auto", "host"),
          "--oci-worker-binary", new Value.File("BINARY"));

  private ReferencePages() {}

  /** A directory laid out as {@code /usr/share} is, and the page on the configuration file. */
  public static void main(String[] args) throws IOException {
    Share share = new Share(Path.of(args[0]));
    share.manual("buildd", 8, manual());
    share.manual("buildkitd.toml", 5, configuration(Files.readString(Path.of(args[1]))));
    share.completions(syntax());
  }

  static Syntax syntax() {
    List<Syntax.Option> options =
        new CommandLine(new Main())
            .getCommandSpec().options().stream()
                .filter(option -> !option.hidden())
                .map(ReferencePages::option)
                .toList();
    return new Syntax(List.of("buildd"), "build daemon", Optional.empty(), options, List.of());
  }

  private static Syntax.Option option(OptionSpec option) {
    return new Syntax.Option(
        List.of(option.names()),
        option.arity().min() == 0 ? Optional.empty() : Optional.of(value(option)),
        String.join(" ", option.description()),
        option.isMultiValue());
  }

  private static Value value(OptionSpec option) {
    String label = option.paramLabel();
    Value plain =
        switch (label) {
          case "FILE" -> new Value.File(label);
          case "DIR" -> new Value.Directory(label);
          default -> new Value.Text(label);
        };
    return VALUES.getOrDefault(option.longestName(), plain);
  }

  private static Value choice(String label, String... words) {
    return new Value.Choice(label, List.of(words));
  }

  static Roff manual() {
    return Manual.of(
            syntax(),
            8,
            "System Administration",
            "`buildd` builds what its clients ask for: graphs of steps, run in containers on"
                + " snapshots, each once, with every result remembered. It speaks the API of"
                + " BuildKit. Options override the configuration file.")
        .section("Signals")
        .paragraph(
            "`SIGTERM` and `SIGINT` end the daemon: new builds are refused, running ones go on"
                + " until `grpc.drainTimeout` is over; a second signal cancels them. `SIGHUP` reads"
                + " the configuration anew. `SIGUSR1` writes the stacks of all threads to the log.")
        .section("Files")
        .item("`/etc/buildkit/buildkitd.toml`", "The configuration, see **buildkitd.toml**(5).")
        .item("`/run/buildkit/buildd.sock`, `/run/buildkit/buildkitd.sock`", "The sockets.")
        .item("`/var/lib/buildkit`", "All state: snapshots, content and records.")
        .section("See also")
        .paragraph("**buildctl**(1), **buildkitd.toml**(5)");
  }

  static Roff configuration(String markdown) {
    return Roff.page("buildkitd.toml", 5, "configuration of the build daemon", "File Formats")
        .section("Description")
        .markdown(markdown)
        .section("See also")
        .paragraph("**buildd**(8)");
  }
}
