package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** {@code buildctl debug dump-metadata}. */
final class DumpMetadataCommand {
  private DumpMetadataCommand() {}

  static Command create(PrintStream out) {
    return Command.of(
        "dump-metadata",
        "dump the meta in human-readable format.  This command requires the daemon NOT to be"
            + " running.",
        List.of(Flag.string("root", "path to state directory", "/var/lib/buildkit")),
        flags -> run(flags, out));
  }

  private static void run(Invocation flags, PrintStream out) throws IOException {
    Path root = Path.of(flags.text("root"));
    if (!Files.isDirectory(root)) {
      throw BuildException.notFound("open " + root + ": no such file or directory");
    }
    MetadataDump.print(root, out);
  }
}
