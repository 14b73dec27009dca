package dev.buildd.buildctl.cli;

import java.util.List;

/**
 * A flag of a command.
 *
 * @param names the first without dashes is its name; one letter makes a short flag
 * @param fallback what it is if not given; empty for nothing
 * @param hidden whether help leaves it out
 */
public record Flag(List<String> names, Kind kind, String usage, String fallback, boolean hidden) {
  /** What values a flag takes. */
  public enum Kind {
    BOOL(""),
    STRING(" string"),
    LIST(" string"),
    INT(" int"),
    FLOAT(" float"),
    DURATION(" duration");

    private final String placeholder;

    Kind(String placeholder) {
      this.placeholder = placeholder;
    }
  }

  public Flag {
    names = List.copyOf(names);
  }

  public static Flag bool(String name, String usage) {
    return new Flag(List.of(name.split(",")), Kind.BOOL, usage, "", false);
  }

  public static Flag string(String name, String usage, String fallback) {
    return new Flag(List.of(name.split(",")), Kind.STRING, usage, fallback, false);
  }

  /** A flag that may be given several times; commas in values mean nothing. */
  public static Flag list(String name, String usage) {
    return new Flag(List.of(name.split(",")), Kind.LIST, usage, "", false);
  }

  public static Flag of(Kind kind, String name, String usage, String fallback) {
    return new Flag(List.of(name.split(",")), kind, usage, fallback, false);
  }

  /** Left out of help: kept for those who know it from elsewhere. */
  public Flag asHidden() {
    return new Flag(names, kind, usage, fallback, true);
  }

  public String name() {
    return names.getFirst();
  }

  static String dashed(String name) {
    return (name.length() == 1 ? "-" : "--") + name;
  }

  String synopsis() {
    StringBuilder out = new StringBuilder();
    for (String name : names) {
      out.append(out.isEmpty() ? "" : ", ").append(dashed(name));
      out.append(kind.placeholder);
    }
    return kind == Kind.LIST ? out + " [ " + out + " ]" : out.toString();
  }

  String description() {
    if (fallback.isEmpty()) {
      return usage;
    }
    return usage + " (default: " + (kind == Kind.STRING ? "\"" + fallback + "\"" : fallback) + ")";
  }
}
