package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import java.util.List;

/** Reads {@code RUN --device} (dockerfile.md section 3.4). */
final class Devices {
  private static final List<String> KEYS = List.of("name", "required");

  private Devices() {}

  static Run.Device parse(String text) {
    String name = "";
    boolean required = false;
    for (FlagFields.Field field : FlagFields.of(text, "devices")) {
      if (field.key().equals("required")) {
        required = !field.hasValue() || FlagFields.truth(field.key(), field.value());
      } else if (field.hasValue() && field.key().equals("name")) {
        if (!name.isEmpty()) {
          throw new DockerfileException("device name already set to " + name);
        }
        name = field.value();
      } else if (name.isEmpty()) {
        name = field.text();
      } else if (field.hasValue()) {
        throw new DockerfileException(
            "unexpected key '"
                + field.key()
                + "' in '"
                + field.text()
                + "'"
                + Suggestions.hint(field.key(), KEYS));
      } else {
        throw field.mustBePair();
      }
    }
    return new Run.Device(name, required);
  }
}
