package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.text.GoDuration;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.image.GoTime;
import dev.buildd.frontend.dockerfile.image.ImageDraft;
import dev.buildd.frontend.dockerfile.instruction.Arg;
import dev.buildd.frontend.dockerfile.instruction.Healthcheck;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the image tells of how it was made (section 3.0, "History entry"). */
final class History {
  private static final String SUFFIX = " # buildkit";

  private final Optional<String> created;

  History(Optional<OffsetDateTime> epoch) {
    this.created = epoch.map(GoTime::format);
  }

  /** Tells of an instruction that changes no files. */
  void add(ImageDraft image, String text) {
    image.addHistory(text, false, created);
  }

  /** Tells of a WORKDIR, which makes a directory if it is not the root. */
  void addWorkdir(ImageDraft image, String directory) {
    image.addHistory("WORKDIR " + directory, !directory.equals("/"), created);
  }

  /** Tells of an instruction that changes files. */
  void addLayer(ImageDraft image, String text) {
    image.addHistory(text + SUFFIX, true, created);
  }

  /** {@code ["a" "b c"]}. */
  static String quoted(List<String> words) {
    return words.stream().map(GoQuote::of).collect(Collectors.joining(" ", "[", "]"));
  }

  /** {@code [a b]}. */
  static String plain(List<String> words) {
    return "[" + String.join(" ", words) + "]";
  }

  /** The variables that a command sees though they are no part of the image, and the command. */
  static String run(List<Arg.Variable> declared, Environment environment, List<String> args) {
    Map<String, String> values = new LinkedHashMap<>();
    for (Arg.Variable variable : declared) {
      values.put(
          variable.key(),
          environment.value(variable.key()).orElseGet(() -> variable.value().orElse("")));
    }
    String variables =
        values.entrySet().stream()
            .map(entry -> entry.getKey() + "=" + entry.getValue() + " ")
            .collect(Collectors.joining());
    environment.charge(variables.length());
    return "RUN "
        + (values.isEmpty() ? "" : "|" + values.size() + " " + variables)
        + String.join(" ", args);
  }

  static String healthcheck(Healthcheck check) {
    Healthcheck.Timing timing = check.timing();
    return "HEALTHCHECK {Test:"
        + plain(check.test())
        + " Interval:"
        + GoDuration.format(timing.interval())
        + " Timeout:"
        + GoDuration.format(timing.timeout())
        + " StartPeriod:"
        + GoDuration.format(timing.startPeriod())
        + " StartInterval:"
        + GoDuration.format(timing.startInterval())
        + " Retries:"
        + timing.retries()
        + "}";
  }
}
