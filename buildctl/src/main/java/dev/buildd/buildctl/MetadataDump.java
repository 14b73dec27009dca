package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.GoJson;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;

/** Prints a daemon's records: tables, and in them keys with their values. */
final class MetadataDump {
  private MetadataDump() {}

  static void print(Path root, PrintStream out) throws IOException {
    Path file = root.resolve("metadata.log");
    if (!Files.exists(file)) {
      throw BuildException.notFound("open " + file + ": no such file or directory");
    }
    out.println("===== " + file + " =====");
    AtomicReference<String> current = new AtomicReference<>("");
    MetadataStore.read(
        file,
        (table, key, value) -> {
          if (!table.equals(current.getAndSet(table))) {
            out.println("bucket " + GoJson.quote(table) + ":");
          }
          out.println(
              "  " + GoJson.quote(key) + ": " + new String(value, StandardCharsets.ISO_8859_1));
        });
  }
}
