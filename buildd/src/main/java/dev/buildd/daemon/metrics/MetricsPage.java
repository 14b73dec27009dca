package dev.buildd.daemon.metrics;

import dev.buildd.base.metrics.Histogram;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Figures in Prometheus' text format, version 0.0.4. A family's samples follow its head. For one
 * thread.
 */
public final class MetricsPage {
  /** The page's media type. */
  public static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private final StringBuilder out = new StringBuilder();
  private String family = "";

  /** Begins a family of what only grows; its name ends in {@code _total}. */
  public MetricsPage counters(String name, String help) {
    return family(name, "counter", help);
  }

  /** Begins a family of what is so now. */
  public MetricsPage gauges(String name, String help) {
    return family(name, "gauge", help);
  }

  /** Begins a family of what took how long; its name ends in {@code _seconds}. */
  public MetricsPage histograms(String name, String help) {
    return family(name, "histogram", help);
  }

  /** Begins a family of sums of what took time, and how often it was. */
  public MetricsPage summaries(String name, String help) {
    return family(name, "summary", help);
  }

  private MetricsPage family(String name, String type, String help) {
    family = name;
    String text = help.replace("\\", "\\\\").replace("\n", "\\n");
    out.append("# HELP ").append(name).append(' ').append(text).append('\n');
    out.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    return this;
  }

  /**
   * A sample of the family.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(double value, String... labels) {
    return line("", value, List.of(labels));
  }

  /**
   * A sample of the family; above 2^53 it is told as exactly as a double can.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(long value, String... labels) {
    return line("", (double) value, List.of(labels));
  }

  /**
   * A histogram of the family.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(Histogram.Snapshot value, String... labels) {
    for (int i = 0; i < value.cumulative().size(); i++) {
      List<String> all = new ArrayList<>(Arrays.asList(labels));
      all.add("le");
      all.add(i < value.bounds().size() ? number(value.bounds().get(i)) : "+Inf");
      line("_bucket", value.cumulative().get(i), all);
    }
    return sample(value.sum(), value.count(), labels);
  }

  /**
   * The sum of the family's times in seconds, and how often it was.
   *
   * @param labels names and values in turn
   */
  public MetricsPage sample(double sum, long count, String... labels) {
    return line("_sum", sum, List.of(labels)).line("_count", (double) count, List.of(labels));
  }

  private MetricsPage line(String suffix, double value, List<String> labels) {
    out.append(family).append(suffix);
    for (int i = 0; i < labels.size(); i += 2) {
      out.append(i == 0 ? '{' : ',').append(labels.get(i)).append("=\"");
      out.append(
          labels.get(i + 1).replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n"));
      out.append('"');
    }
    out.append(labels.isEmpty() ? " " : "} ").append(number(value)).append('\n');
    return this;
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

  public String text() {
    return out.toString();
  }
}
