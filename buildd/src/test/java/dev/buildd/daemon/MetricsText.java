package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Figures in Prometheus' text format, read strictly: each family has its head before its samples,
 * which stand together, none twice; histograms ascend to their count.
 */
final class MetricsText {
  private static final String NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
  private static final Pattern SAMPLE =
      Pattern.compile("(" + NAME + ")(?:\\{(.*)\\})? (NaN|[+-]?Inf|-?[0-9.]+(?:E-?[0-9]+)?)");
  private static final Pattern LABEL =
      Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\\\n]|\\\\[\\\\\"n])*)\"(,|$)");

  private final Map<String, Double> samples = new LinkedHashMap<>();
  private final Map<String, String> types = new HashMap<>();

  private MetricsText() {}

  static MetricsText parse(String text) {
    assertThat(text).endsWith("\n");
    MetricsText out = new MetricsText();
    String family = "";
    String help = "";
    Set<String> seen = new HashSet<>();
    for (String line : text.split("\n")) {
      if (line.startsWith("# HELP ")) {
        help = line.split(" ", 4)[2];
        assertThat(line.split(" ", 4)[3]).as(line).isNotBlank();
      } else if (line.startsWith("# TYPE ")) {
        String[] words = line.split(" ");
        assertThat(words).as(line).hasSize(4);
        assertThat(words[2]).as("the help stands before the type").isEqualTo(help);
        assertThat(words[3]).isIn("counter", "gauge", "histogram", "summary");
        assertThat(words[2].endsWith("_total")).as(line).isEqualTo(words[3].equals("counter"));
        family = words[2];
        assertThat(seen.add(family)).as("%s is told once", family).isTrue();
        out.types.put(family, words[3]);
      } else {
        out.sample(line, family);
      }
    }
    out.checkHistograms();
    return out;
  }

  private void sample(String line, String family) {
    Matcher matcher = SAMPLE.matcher(line);
    assertThat(matcher.matches()).as(line).isTrue();
    String name = matcher.group(1);
    String type = Objects.requireNonNull(types.get(family), line);
    Set<String> allowed =
        switch (type) {
          case "histogram" -> Set.of(family + "_bucket", family + "_sum", family + "_count");
          case "summary" -> Set.of(family + "_sum", family + "_count");
          default -> Set.of(family);
        };
    assertThat(allowed).as(line).contains(name);
    TreeMap<String, String> labels = new TreeMap<>();
    if (matcher.group(2) != null) {
      Matcher label = LABEL.matcher(matcher.group(2));
      int at = 0;
      while (at < matcher.group(2).length()) {
        assertThat(label.find(at) && label.start() == at).as(line).isTrue();
        assertThat(labels.put(label.group(1), label.group(2))).as(line).isNull();
        at = label.end();
      }
    }
    String value = matcher.group(3).replace("Inf", "Infinity");
    assertThat(samples.put(name + labels, Double.valueOf(value))).as(line).isNull();
  }

  private void checkHistograms() {
    types.forEach((family, type) -> {
      if (type.equals("histogram")) {
        Map<String, Double> last = new HashMap<>();
        samples.forEach((key, value) -> {
          if (key.startsWith(family + "_bucket{")) {
            String others = key.replaceAll("(, )?le=[^,}]*", "").replace("{, ", "{");
            assertThat(value).as(key).isGreaterThanOrEqualTo(last.getOrDefault(others, 0.0));
            last.put(others, value);
            if (key.contains("le=+Inf")) {
              assertThat(value).as(key).isEqualTo(samples.get(others.replace("_bucket", "_count")));
            }
          }
        });
      }
    });
  }

  /**
   * The value of a sample.
   *
   * @param key {@code name{label=value, label=value}}, labels by their names
   */
  double value(String key) {
    Double found = samples.get(key.contains("{") ? key : key + "{}");
    assertThat(found).as("%s is among\n%s", key, String.join("\n", samples.keySet())).isNotNull();
    return Objects.requireNonNull(found);
  }

  /** Whether there is such a sample. */
  boolean has(String key) {
    return samples.containsKey(key.contains("{") ? key : key + "{}");
  }

  /** Whether some sample has this name. */
  boolean hasName(String name) {
    return samples.keySet().stream().anyMatch(key -> key.startsWith(name + "{"));
  }
}
