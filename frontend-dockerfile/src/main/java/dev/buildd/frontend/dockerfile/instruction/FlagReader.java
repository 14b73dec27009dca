package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The flags that an instruction knows, and their values (dockerfile.md section 3.0). */
final class FlagReader {
  private enum Kind {
    TRUTH,
    TEXT,
    REPEATED
  }

  private final Map<String, Kind> known = new LinkedHashMap<>();
  private final Map<String, List<String>> values = new HashMap<>();

  FlagReader truths(String... names) {
    return add(Kind.TRUTH, names);
  }

  FlagReader texts(String... names) {
    return add(Kind.TEXT, names);
  }

  FlagReader repeated(String... names) {
    return add(Kind.REPEATED, names);
  }

  private FlagReader add(Kind kind, String... names) {
    for (String name : names) {
      known.put(name, kind);
    }
    return this;
  }

  FlagReader read(List<String> flags) {
    flags.forEach(this::read);
    return this;
  }

  private void read(String flag) {
    int equals = flag.indexOf('=');
    String dashed = equals < 0 ? flag : flag.substring(0, equals);
    String name = dashed.substring(2);
    Kind kind = known.get(name);
    if (kind == null) {
      throw new DockerfileException(
          "unknown flag: " + dashed + Suggestions.hint(name, known.keySet()));
    }
    if (kind != Kind.REPEATED && values.containsKey(name)) {
      throw new DockerfileException("duplicate flag specified: " + dashed);
    }
    String value = equals < 0 ? "" : flag.substring(equals + 1);
    boolean missing = kind == Kind.TRUTH ? equals >= 0 && value.isEmpty() : equals < 0;
    if (missing) {
      throw new DockerfileException("missing a value on flag: " + dashed);
    }
    values
        .computeIfAbsent(name, n -> new ArrayList<>())
        .add(kind == Kind.TRUTH ? truth(dashed, value) : value);
  }

  private static String truth(String dashed, String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "", "true" -> "true";
      case "false" -> "false";
      default ->
          throw new DockerfileException(
              "expecting boolean value for flag " + dashed + ", not: " + value);
    };
  }

  /** What is said, else the other. */
  String text(String name, String otherwise) {
    List<String> all = all(name);
    return all.isEmpty() ? otherwise : all.getFirst();
  }

  String text(String name) {
    return text(name, "");
  }

  boolean isTrue(String name) {
    return text(name).equals("true");
  }

  /** Empty if nothing is said. */
  Optional<Boolean> truth(String name) {
    return all(name).stream().map("true"::equals).findFirst();
  }

  List<String> all(String name) {
    return values.getOrDefault(name, List.of());
  }
}
