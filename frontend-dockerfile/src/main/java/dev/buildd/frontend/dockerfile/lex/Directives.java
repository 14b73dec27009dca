package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The directives in front of a Dockerfile that say how to treat all of it (dockerfile.md section
 * 1.2). Unlike {@code escape}, they may stand after a line for the kernel, and may not be indented.
 */
public final class Directives {
  private static final String SYNTAX = "syntax";
  private static final String CHECK = "check";

  /**
   * @param value all that follows the equals sign
   */
  public record Directive(String value, Location location) {
    /** The value up to its first blank. */
    public String word() {
      return upToBlank(value);
    }
  }

  private Directives() {}

  /**
   * Which frontend the text is for: as a comment of either kind, or as a member of a JSON object.
   * In JSON all of the value is the image; else {@link Directive#word} is.
   */
  public static Optional<Directive> syntax(byte[] text) {
    return find(SYNTAX, "#", text).or(() -> find(SYNTAX, "//", text)).or(() -> ofJson(text));
  }

  /** What {@code # check=} says; its {@link Directive#word} counts. */
  public static Optional<Directive> check(byte[] text) {
    return find(CHECK, "#", text);
  }

  /** What a comment says that is {@code check=...}, up to the first blank. */
  public static Optional<String> checkOfComment(String comment) {
    return new DirectiveRun("")
        .read(comment)
        .filter(found -> found.key().equals(CHECK))
        .map(found -> upToBlank(found.value()));
  }

  private static String upToBlank(String value) {
    int blank = value.indexOf(' ');
    return blank < 0 ? value : value.substring(0, blank);
  }

  private static Optional<Directive> find(String key, String marker, byte[] text) {
    DirectiveRun run = new DirectiveRun(marker);
    PhysicalLines lines = new PhysicalLines(text);
    try {
      boolean first = true;
      while (!run.isOver() && lines.next()) {
        String line = lines.withoutEnd();
        if (first && line.startsWith("#!")) {
          first = false;
          continue;
        }
        first = false;
        Optional<DirectiveRun.Found> found = run.read(line);
        if (found.isPresent() && found.get().key().equals(key)) {
          return Optional.of(new Directive(found.get().value(), Location.line(lines.number())));
        }
      }
    } catch (DockerfileException e) {
      return Optional.empty(); // the reader of instructions says what is wrong
    }
    return Optional.empty();
  }

  private static Optional<Directive> ofJson(byte[] text) {
    String whole = Texts.trimLeft(Texts.withoutRaw(PhysicalLines.decoded(text)));
    boolean program = whole.startsWith("#!");
    String json = program ? whole.substring(whole.indexOf('\n') + 1) : whole;
    if (!json.stripLeading().startsWith("{")) {
      return Optional.empty();
    }
    try {
      return Json.parseObject(json.getBytes(StandardCharsets.UTF_8), SYNTAX).get(SYNTAX)
              instanceof String value
          ? Optional.of(new Directive(value, Location.line(program ? 1 : 0)))
          : Optional.empty();
    } catch (BuildException e) {
      return Optional.empty(); // no JSON, hence no directive
    }
  }
}
