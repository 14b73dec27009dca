package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.ConstraintsOption;
import dev.buildd.llb.Llb;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;
import java.util.function.ToLongFunction;

/** How much of the machine a command may use; zero and empty for "as much as there is". */
public record ResourceLimits(
    long memory,
    long memorySwap,
    long cpuShares,
    long cpuPeriod,
    long cpuQuota,
    String cpus,
    String memoryNodes) {
  static final ResourceLimits NONE = new ResourceLimits(0, 0, 0, 0, 0, "", "");
  private static final long MAX_CPU = 8192;
  private static final String POSITIVE = "must be > 0";

  static ResourceLimits parse(Map<String, String> options) {
    return new ResourceLimits(
        number(options, "memory", Numbers::signed, n -> n > 0, POSITIVE),
        number(
            options,
            "memswap",
            Numbers::signed,
            n -> n > 0 || n == -1,
            "must be -1 (unlimited) or > 0"),
        number(options, "cpushares", Numbers::unsigned, n -> n > 0, POSITIVE),
        number(options, "cpuperiod", Numbers::unsigned, n -> n > 0, POSITIVE),
        number(options, "cpuquota", Numbers::signed, n -> n > 0, POSITIVE),
        set(options, "cpusetcpus"),
        set(options, "cpusetmems"));
  }

  public boolean isNone() {
    return equals(NONE);
  }

  /** As options of a step. */
  public List<ConstraintsOption> toOptions() {
    List<ConstraintsOption> out = new ArrayList<>();
    if (memory != 0) {
      out.add(Llb.memoryLimit(memory));
    }
    if (memorySwap != 0) {
      out.add(Llb.memorySwapLimit(memorySwap));
    }
    if (cpuShares != 0) {
      out.add(Llb.cpuShares(cpuShares));
    }
    if (cpuPeriod != 0 || cpuQuota != 0) {
      out.add(Llb.cpuQuota(cpuPeriod, cpuQuota));
    }
    if (!cpus.isEmpty() || !memoryNodes.isEmpty()) {
      out.add(Llb.cpusets(cpus, memoryNodes));
    }
    return out;
  }

  private static long number(
      Map<String, String> options,
      String key,
      ToLongFunction<String> parser,
      LongPredicate valid,
      String demand) {
    String text = options.getOrDefault(key, "");
    if (text.isEmpty()) {
      return 0;
    }
    String what = "invalid " + key + " value: " + text;
    long number = Wrapped.in(what, () -> parser.applyAsLong(text));
    if (!valid.test(number)) {
      throw new DockerfileException(what + ": " + demand);
    }
    return number;
  }

  private static String set(Map<String, String> options, String key) {
    String text = options.getOrDefault(key, "");
    return Wrapped.in(
        "invalid " + key + " value: " + text,
        () -> {
          for (String part : text.split(",")) {
            if (!part.isBlank()) {
              checkCpus(part.strip());
            }
          }
          return text;
        });
  }

  private static void checkCpus(String part) {
    int dash = part.indexOf('-');
    String kind = dash < 0 ? "element " : "range ";
    long first;
    long last;
    try {
      first = Numbers.signed(dash < 0 ? part : part.substring(0, dash).strip());
      last = dash < 0 ? first : Numbers.signed(part.substring(dash + 1).strip());
    } catch (BuildException e) {
      throw new DockerfileException("invalid cpuset " + kind + GoQuote.of(part), List.of(), e);
    }
    if (first < 0 || last < first) {
      throw new DockerfileException("invalid cpuset " + kind + GoQuote.of(part));
    }
    if (last > MAX_CPU) {
      throw new DockerfileException(
          "cpuset " + kind + GoQuote.of(part) + " exceeds maximum " + MAX_CPU);
    }
  }
}
