package dev.buildd.daemon.metrics;

import dev.buildd.base.metrics.Histogram;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The figures of one moment: as Prometheus' text format, version 0.0.4, or to be told otherwise. A
 * family's samples follow its head. For one thread.
 */
public final class MetricsPage {
  /** The page's media type. */
  public static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";

  /** What the samples of a family mean. */
  public enum Kind {
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY
  }

  /** A family of samples. */
  public record Family(String name, Kind kind, String help, List<Sample> samples) {}

  /** Of a family. */
  public sealed interface Sample {
    /** Names and values in turn. */
    List<String> labels();
  }

  public record Whole(long value, List<String> labels) implements Sample {}

  public record Real(double value, List<String> labels) implements Sample {}

  public record Buckets(Histogram.Snapshot value, List<String> labels) implements Sample {}

  /** The sum of times in seconds, and how often it was. */
  public record Total(double sum, long count, List<String> labels) implements Sample {}

  private final List<Family> families = new ArrayList<>();

  /** Begins a family of what only grows; its name ends in {@code _total}. */
  public MetricsPage counters(String name, String help) {
    return family(name, Kind.COUNTER, help);
  }

  /** Begins a family of what is so now. */
  public MetricsPage gauges(String name, String help) {
    return family(name, Kind.GAUGE, help);
  }

  /** Begins a family of what took how long; its name ends in {@code _seconds}. */
  public MetricsPage histograms(String name, String help) {
    return family(name, Kind.HISTOGRAM, help);
  }

  /** Begins a family of sums of what took time, and how often it was. */
  public MetricsPage summaries(String name, String help) {
    return family(name, Kind.SUMMARY, help);
  }

  private MetricsPage family(String name, Kind kind, String help) {
    families.add(new Family(name, kind, help, new ArrayList<>()));
    return this;
  }

  private MetricsPage add(Sample sample) {
    families.getLast().samples.add(sample);
    return this;
  }

  /**
   * A sample of the family.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(double value, String... labels) {
    return add(new Real(value, List.of(labels)));
  }

  /**
   * A sample of the family; above 2^53 the text tells it as exactly as a double can.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(long value, String... labels) {
    return add(new Whole(value, List.of(labels)));
  }

  /**
   * A histogram of the family.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(Histogram.Snapshot value, String... labels) {
    return add(new Buckets(value, List.of(labels)));
  }

  /**
   * The sum of the family's times in seconds, and how often it was.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(double sum, long count, String... labels) {
    return add(new Total(sum, count, List.of(labels)));
  }

  /** All that was told, in its order. */
  public List<Family> families() {
    return families;
  }

  // --- Prometheus' text ---

  public String text() {
    StringBuilder out = new StringBuilder();
    for (Family family : families) {
      String help = family.help.replace("\\", "\\\\").replace("\n", "\\n");
      out.append("# HELP ").append(family.name).append(' ').append(help).append('\n');
      out.append("# TYPE ").append(family.name).append(' ');
      out.append(family.kind.name().toLowerCase(Locale.ROOT)).append('\n');
      family.samples.forEach(sample -> lines(out, family.name, sample));
    }
    return out.toString();
  }

  private static void lines(StringBuilder out, String name, Sample sample) {
    List<String> labels = sample.labels();
    switch (sample) {
      case Whole whole -> line(out, name, (double) whole.value, labels);
      case Real real -> line(out, name, real.value, labels);
      case Buckets buckets -> {
        Histogram.Snapshot value = buckets.value;
        for (int i = 0; i < value.cumulative().size(); i++) {
          List<String> all = new ArrayList<>(labels);
          String bound = i < value.bounds().size() ? number(value.bounds().get(i)) : "+Inf";
          all.addAll(Arrays.asList("le", bound));
          line(out, name + "_bucket", value.cumulative().get(i), all);
        }
        lines(out, name, new Total(value.sum(), value.count(), labels));
      }
      case Total total -> {
        line(out, name + "_sum", total.sum, labels);
        line(out, name + "_count", (double) total.count, labels);
      }
    }
  }

  private static void line(StringBuilder out, String name, double value, List<String> labels) {
    out.append(name);
    for (int i = 0; i < labels.size(); i += 2) {
      out.append(i == 0 ? '{' : ',').append(labels.get(i)).append("=\"");
      out.append(
          labels.get(i + 1).replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n"));
      out.append('"');
    }
    out.append(labels.isEmpty() ? " " : "} ").append(number(value)).append('\n');
  }

  private static String number(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "+Inf" : "-Inf";
    }
    boolean whole = value == Math.rint(value) && Math.abs(value) < 1L << 53;
    return whole ? String.format(Locale.ROOT, "%d", (long) value) : Double.toString(value);
  }
}
