package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.GoJson;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
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
    Path directory = root.resolve("metadata");
    if (!Files.exists(directory)) {
      throw BuildException.notFound("open " + directory + ": no such file or directory");
    }
    out.println("===== " + directory + " =====");
    AtomicReference<Table> current = new AtomicReference<>(Table.STORE);
    MetadataStore.read(
        directory,
        (table, key, value) -> {
          if (table != current.getAndSet(table)) {
            out.println("bucket " + GoJson.quote(table.text()) + ":");
          }
          out.println("  " + GoJson.quote(text(key)) + ": " + text(value));
        });
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
