package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.GoDuration;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.lex.Line;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Reads HEALTHCHECK (dockerfile.md section 3.3). */
final class HealthcheckParser {
  private static final long LEAST = 1_000_000;
  private static final Pattern INTEGER = Pattern.compile("[+-]?[0-9]+");

  private HealthcheckParser() {}

  static Healthcheck parse(Origin origin, Line line) {
    List<String> words = line.arguments().words();
    if (words.isEmpty()) {
      throw InstructionParser.needsArgument("HEALTHCHECK");
    }
    String type = words.getFirst().toUpperCase(Locale.ROOT);
    List<String> command = words.subList(1, words.size());
    if (type.equals("NONE")) { // its flags are ignored
      if (!command.isEmpty()) {
        throw new DockerfileException("HEALTHCHECK NONE takes no arguments");
      }
      return new Healthcheck(origin, List.of("NONE"), Healthcheck.Timing.NONE);
    }
    FlagReader flags =
        new FlagReader()
            .texts("interval", "timeout", "start-period", "start-interval", "retries")
            .read(line.flags());
    if (!type.equals("CMD")) {
      throw new DockerfileException(
          "Unknown type " + GoQuote.of(type) + " in HEALTHCHECK (try CMD)");
    }
    if (command.isEmpty()) {
      throw new DockerfileException("Missing command after HEALTHCHECK CMD");
    }
    List<String> test = new ArrayList<>();
    test.add(line.arguments().json() ? "CMD" : "CMD-SHELL");
    test.addAll(command);
    return new Healthcheck(origin, test, timing(flags));
  }

  private static Healthcheck.Timing timing(FlagReader flags) {
    return new Healthcheck.Timing(
        duration(flags, "interval"),
        duration(flags, "timeout"),
        duration(flags, "start-period"),
        duration(flags, "start-interval"),
        retries(flags.text("retries")));
  }

  private static long duration(FlagReader flags, String name) {
    String text = flags.text(name);
    if (text.isEmpty()) {
      return 0;
    }
    long duration;
    try {
      duration = GoDuration.parse(text);
    } catch (BuildException e) {
      throw new DockerfileException(String.valueOf(e.getMessage()), List.of(), e);
    }
    if (duration != 0 && duration < LEAST) {
      throw new DockerfileException("Interval \"" + name + "\" cannot be less than 1ms");
    }
    return duration;
  }

  private static int retries(String text) {
    if (text.isEmpty()) {
      return 0;
    }
    String parsing = "strconv.ParseInt: parsing " + GoQuote.of(text) + ": ";
    if (!INTEGER.matcher(text).matches()) {
      throw new DockerfileException(parsing + "invalid syntax");
    }
    int retries;
    try {
      retries = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new DockerfileException(parsing + "value out of range", List.of(), e);
    }
    if (retries < 0) {
      throw new DockerfileException("--retries cannot be negative (" + retries + ")");
    }
    return retries;
  }
}
