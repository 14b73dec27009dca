package dev.buildd.llb;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.nio.charset.StandardCharsets;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** Reads what a state needs of an image's configuration. */
final class ImageConfigReader {
  private ImageConfigReader() {}

  static State apply(State state, byte[] config) {
    State out = state;
    String dir = "";
    String os = "";
    String architecture = "";
    String variant = "";
    String osVersion = "";
    try (JsonParser parser =
        new JsonFactory()
            .createParser(ObjectReadContext.empty(), new String(config, StandardCharsets.UTF_8))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw BuildException.invalid("image config is not an object");
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        JsonToken token = parser.nextToken();
        switch (name) {
          case "os" -> os = parser.getValueAsString("");
          case "architecture" -> architecture = parser.getValueAsString("");
          case "variant" -> variant = parser.getValueAsString("");
          case "os.version" -> osVersion = parser.getValueAsString("");
          case "config" -> {
            while (token == JsonToken.START_OBJECT
                && parser.nextToken() == JsonToken.PROPERTY_NAME) {
              String key = parser.currentName();
              JsonToken value = parser.nextToken();
              if (key.equals("Env") && value == JsonToken.START_ARRAY) {
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                  String entry = parser.getValueAsString("");
                  int equals = entry.indexOf('=');
                  String variable = equals < 0 ? entry : entry.substring(0, equals);
                  if (!variable.isEmpty()) {
                    out = out.addEnv(variable, equals < 0 ? "" : entry.substring(equals + 1));
                  }
                }
              } else if (key.equals("WorkingDir")) {
                dir = parser.getValueAsString("");
              } else {
                parser.skipChildren();
              }
            }
          }
          default -> parser.skipChildren();
        }
      }
    } catch (JacksonException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse image config", e);
    }
    out = out.dir(dir);
    return os.isEmpty() || architecture.isEmpty()
        ? out
        : out.platform(new Platform(os, architecture, variant, osVersion, List.of()));
  }
}
