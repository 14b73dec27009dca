package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.text.Csv;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;
import java.util.Set;

/** A limit of processes (setrlimit(2)); -1 is no limit. */
public record Ulimit(String name, long soft, long hard) {
  private static final Set<String> NAMES =
      Set.of(
          "core",
          "cpu",
          "data",
          "fsize",
          "locks",
          "memlock",
          "msgqueue",
          "nice",
          "nofile",
          "nproc",
          "rss",
          "rtprio",
          "rttime",
          "sigpending",
          "stack");

  static List<Ulimit> parseAll(String text) {
    return text.isEmpty() ? List.of() : Csv.fields(text).stream().map(Ulimit::parse).toList();
  }

  /** Parses {@code name=soft[:hard]}. */
  private static Ulimit parse(String text) {
    int equals = text.indexOf('=');
    if (equals < 0) {
      throw new DockerfileException("invalid ulimit argument: " + text);
    }
    String name = text.substring(0, equals);
    if (!NAMES.contains(name)) {
      throw new DockerfileException("invalid ulimit type: " + name);
    }
    String value = text.substring(equals + 1);
    String[] limits = value.split(":", -1);
    if (limits.length > 2) {
      throw new DockerfileException(
          "too many limit value arguments - " + value + ", can only have up to two, `soft[:hard]`");
    }
    long soft = Numbers.signed(limits[0]);
    long hard = limits.length == 1 ? soft : Numbers.signed(limits[1]);
    if (hard != -1 && (soft == -1 || soft > hard)) {
      throw new DockerfileException(
          "ulimit soft limit must be less than or equal to hard limit: "
              + (soft == -1 ? "soft: -1 (unlimited), hard: " + hard : soft + " > " + hard));
    }
    return new Ulimit(name, soft, hard);
  }
}
