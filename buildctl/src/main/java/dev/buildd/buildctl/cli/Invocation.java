package dev.buildd.buildctl.cli;

import dev.buildd.base.error.BuildException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A command as it was called: flags, its own and the global ones, and arguments. */
public final class Invocation {
  private static final Pattern DURATION_PART =
      Pattern.compile("([0-9]*\\.?[0-9]+)(ns|us|µs|μs|ms|s|m|h)");

  private final Map<String, List<String>> values = new HashMap<>();
  private final List<String> arguments = new ArrayList<>();

  void set(Flag flag, String value) {
    check(flag, value);
    List<String> of = values.computeIfAbsent(flag.name(), n -> new ArrayList<>());
    if (flag.kind() != Flag.Kind.LIST) {
      of.clear();
    }
    of.add(value);
  }

  void setDefault(Flag flag) {
    if (!flag.fallback().isEmpty() && !values.containsKey(flag.name())) {
      values.put(flag.name(), List.of(flag.fallback()));
    }
  }

  void addArgument(String argument) {
    arguments.add(argument);
  }

  private static void check(Flag flag, String value) {
    try {
      switch (flag.kind()) {
        case INT -> Long.parseLong(value);
        case FLOAT -> Double.parseDouble(value);
        case DURATION -> duration(value);
        case BOOL, STRING, LIST -> {}
      }
    } catch (RuntimeException e) {
      throw new UsageException(
          "invalid value \"" + value + "\" for flag -" + flag.name() + ": " + problem(flag, value));
    }
  }

  private static String problem(Flag flag, String value) {
    return flag.kind() == Flag.Kind.DURATION
        ? "time: invalid duration \"" + value + "\""
        : "strconv.Parse"
            + (flag.kind() == Flag.Kind.INT ? "Int" : "Float")
            + ": parsing \""
            + value
            + "\": invalid syntax";
  }

  public List<String> arguments() {
    return List.copyOf(arguments);
  }

  public boolean flag(String name) {
    String value = text(name);
    return value.equals("true") || value.equals("1");
  }

  /** The value; empty if none. */
  public String text(String name) {
    List<String> all = values.getOrDefault(name, List.of());
    return all.isEmpty() ? "" : all.getLast();
  }

  public Optional<String> given(String name) {
    String value = text(name);
    return value.isEmpty() ? Optional.empty() : Optional.of(value);
  }

  public List<String> list(String name) {
    return List.copyOf(values.getOrDefault(name, List.of()));
  }

  public long number(String name) {
    String value = text(name);
    return value.isEmpty() ? 0 : Long.parseLong(value);
  }

  public double real(String name) {
    String value = text(name);
    return value.isEmpty() ? 0 : Double.parseDouble(value);
  }

  public Duration duration(Flag flag) {
    String value = text(flag.name());
    return value.isEmpty() ? Duration.ZERO : duration(value);
  }

  /** As Go writes durations: {@code 1h30m}. */
  static Duration duration(String text) {
    if (text.equals("0")) {
      return Duration.ZERO;
    }
    Matcher matcher = DURATION_PART.matcher(text);
    Duration sum = Duration.ZERO;
    int end = 0;
    while (matcher.lookingAt()) {
      double unit =
          switch (matcher.group(2)) {
            case "ns" -> 1;
            case "us", "µs", "μs" -> 1e3;
            case "ms" -> 1e6;
            case "s" -> 1e9;
            case "m" -> 60e9;
            default -> 3600e9;
          };
      sum = sum.plusNanos((long) (Double.parseDouble(matcher.group(1)) * unit));
      end = matcher.end();
      matcher.region(end, text.length());
    }
    if (end == 0 || end != text.length()) {
      throw BuildException.invalid("invalid duration \"" + text + "\"");
    }
    return sum;
  }
}
