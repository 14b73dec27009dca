package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.Csv;
import dev.buildd.session.secrets.SecretsProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The secrets that {@code --secret} names: files and variables of the environment. */
final class SecretFiles implements SecretsProvider.Store {
  private record Source(String environment, String file) {}

  private final Map<String, Source> sources = new HashMap<>();

  static SecretFiles parse(List<String> flags) throws IOException {
    SecretFiles out = new SecretFiles();
    for (String flag : flags) {
      out.add(flag);
    }
    return out;
  }

  private void add(String flag) throws IOException {
    String id = "";
    String type = "";
    String file = "";
    String environment = "";
    for (String field : Csv.fields(flag)) {
      int equals = field.indexOf('=');
      if (equals < 0) {
        throw BuildException.invalid("invalid field '" + field + "' must be a key=value pair");
      }
      String value = field.substring(equals + 1);
      switch (field.substring(0, equals).toLowerCase(Locale.ROOT)) {
        case "type" -> type = value;
        case "id" -> id = value;
        case "source", "src" -> file = value;
        case "env" -> environment = value;
        case String key ->
            throw BuildException.invalid("unexpected key '" + key + "' in '" + field + "'");
      }
    }
    if (!type.isEmpty() && !type.equals("file") && !type.equals("env")) {
      throw BuildException.invalid("unsupported secret type \"" + type + "\"");
    }
    if (id.isEmpty()) {
      throw BuildException.invalid("secret missing ID");
    }
    if (type.equals("env") && environment.isEmpty()) {
      environment = file;
      file = "";
    }
    if (environment.isEmpty() && file.isEmpty()) {
      if (System.getenv(id) != null) {
        environment = id;
      } else {
        file = id;
      }
    }
    if (!file.isEmpty()) {
      check(id, Path.of(file));
    }
    sources.put(id, new Source(environment, file));
  }

  private static void check(String id, Path file) throws IOException {
    if (!Files.exists(file)) {
      throw BuildException.invalid(
          "failed to stat " + file + ": stat " + file + ": no such file or directory");
    }
    if (Files.size(file) > SecretsProvider.MAX_SIZE) {
      throw BuildException.invalid("secret " + id + " too big. max size 500KiB");
    }
  }

  @Override
  public Optional<byte[]> read(String id) throws IOException {
    Source source = sources.get(id);
    if (source == null) {
      return Optional.empty();
    }
    if (!source.environment.isEmpty()) {
      String value = System.getenv(source.environment);
      return Optional.of((value == null ? "" : value).getBytes(StandardCharsets.UTF_8));
    }
    return Optional.of(Files.readAllBytes(Path.of(source.file)));
  }
}
