package dev.buildd.buildctl;

import dev.buildd.base.reference.Manual;
import dev.buildd.base.reference.Roff;
import dev.buildd.base.reference.Share;
import dev.buildd.base.reference.Syntax;
import dev.buildd.base.reference.Syntax.Value;
import dev.buildd.buildctl.cli.Flag;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Writes the manual page and the completions of buildctl; run when the programs are assembled. */
public final class ReferencePages {
  private static final Value FILE = new Value.File("FILE");
  private static final Value CACHE =
      choice("CACHE", "type=local,", "type=inline", "type=registry,");
  private static final Map<String, Value> VALUES =
      Map.ofEntries(
          Map.entry("log-format", choice("FORMAT", "json", "text")),
          Map.entry("progress", choice("TYPE", "auto", "tty", "plain", "rawjson", "quiet")),
          Map.entry(
              "output",
              choice(
                  "EXPORT",
                  "type=local,dest=",
                  "type=tar,dest=",
                  "type=oci,dest=",
                  "type=docker,dest=",
                  "type=image,name=")),
          Map.entry("allow", choice("NAME", "network.host", "security.insecure", "device")),
          Map.entry(
              "addr",
              choice(
                  "ADDR",
                  "unix://",
                  "tcp://",
                  "docker-container://",
                  "podman-container://",
                  "nerdctl-container://",
                  "kube-pod://",
                  "ssh://")),
          Map.entry("export-cache", CACHE),
          Map.entry("import-cache", CACHE),
          Map.entry("local", new Value.Text("NAME=DIR")),
          Map.entry("oci-layout", new Value.Text("NAME=DIR")),
          Map.entry("opt", new Value.Text("KEY=VALUE")),
          Map.entry("secret", choice("SECRET", "id=")),
          Map.entry("ssh", choice("AGENT", "default")),
          Map.entry("trace", FILE),
          Map.entry("metadata-file", FILE),
          Map.entry("ref-file", FILE),
          Map.entry("source-policy-file", FILE),
          Map.entry("tlscacert", FILE),
          Map.entry("tlscert", FILE),
          Map.entry("tlskey", FILE),
          Map.entry("tlsdir", new Value.Directory("DIR")));

  private ReferencePages() {}

  /** The argument is a directory laid out as {@code /usr/share} is. */
  public static void main(String[] args) throws IOException {
    Share share = new Share(Path.of(args[0]));
    share.manual("buildctl", 1, manual());
    share.completions(syntax());
  }

  static Syntax syntax() {
    PrintStream nowhere = new PrintStream(PrintStream.nullOutputStream());
    // not what this machine's environment says
    return Main.cli("unix:///run/buildkit/buildkitd.sock", nowhere, nowhere)
        .syntax(ReferencePages::value);
  }

  private static Optional<Value> value(Flag flag) {
    Value plain =
        new Value.Text(
            flag.kind() == Flag.Kind.LIST ? "STRING" : flag.kind().name().toUpperCase(Locale.ROOT));
    return Optional.of(VALUES.getOrDefault(flag.name(), plain));
  }

  private static Value choice(String label, String... words) {
    return new Value.Choice(label, List.of(words));
  }

  static Roff manual() {
    return Manual.of(
            syntax(),
            1,
            "User Commands",
            "`buildctl` asks a build daemon, `buildd` or BuildKit's `buildkitd`, to build what a"
                + " definition on standard input says, or a frontend of the daemon's. It sends"
                + " directories of this machine, shows the progress and brings the results back.")
        .section("Environment")
        .item("`BUILDKIT_HOST`", "Address of the daemon, if **--addr** is not given.")
        .item("`BUILDKIT_PROGRESS`", "Type of progress, if **--progress** is not given.")
        .item("`BUILDKIT_COLORS`, `NO_COLOR`", "Colors of the progress.")
        .item("`BUILDKIT_TTY_LOG_LINES`", "How many lines of a step a terminal shows.")
        .item("`TTY_DISPLAY_RATE`, `PROGRESS_NO_TRUNC`", "How progress is drawn.")
        .item("`SOURCE_DATE_EPOCH`", "Handed to frontends as a build argument.")
        .item("`SSH_AUTH_SOCK`", "The agent that **--ssh default** forwards.")
        .item("`DOCKER_CONFIG`", "Directory of the `config.json` with logins to registries.")
        .item("`BUILDCTL_JVM`", "If set, the program runs on a JVM, not as a native executable.")
        .section("Exit status")
        .paragraph("0 if all went well, 1 if not, 3 if there is no such command.")
        .section("Examples")
        .example(
            """
            busybox-local | buildctl build --local rootfs=DIR --output type=local,dest=out
            buildkit0 | buildctl debug dump-llb --dot | dot -Tsvg > graph.svg
            buildctl du --filter type==regular --format '{{json .}}'
            """)
        .section("See also")
        .paragraph("**buildd**(8), **buildkitd.toml**(5)");
  }
}
