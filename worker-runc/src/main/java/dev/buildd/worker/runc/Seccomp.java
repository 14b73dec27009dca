package dev.buildd.worker.runc;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The default seccomp profile, read from {@code seccomp-default.txt} and reduced to the rules that
 * hold for a machine and a set of capabilities.
 */
final class Seccomp {
  private static final int EPERM = 1;

  // libseccomp's names: the machine's own first, then those whose programs it also runs
  private static final Map<String, List<String>> ARCHITECTURES =
      Map.of(
          "amd64", List.of("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
          "arm64", List.of("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
          "s390x", List.of("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
          "riscv64", List.of("SCMP_ARCH_RISCV64"),
          "loong64", List.of("SCMP_ARCH_LOONGARCH64"));

  private record Rule(String action, Map<String, String> conditions, List<String> calls) {
    boolean holds(String arch, Set<String> caps, Kernel kernel) {
      return conditions.entrySet().stream()
          .allMatch(c ->
              switch (c.getKey()) {
                case "arch" -> Arrays.asList(c.getValue().split(",")).contains(arch);
                case "noarch" -> !Arrays.asList(c.getValue().split(",")).contains(arch);
                case "cap" -> caps.contains(c.getValue());
                case "nocap" -> !caps.contains(c.getValue());
                case "kernel" -> kernel.atLeast(Kernel.parse(c.getValue()));
                default -> true;
              });
    }

    Map<String, Object> spec() {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("names", calls);
      if (action.startsWith("errno=")) {
        out.put("action", "SCMP_ACT_ERRNO");
        out.put("errnoRet", Long.parseLong(action.substring("errno=".length())));
      } else {
        out.put("action", "SCMP_ACT_ALLOW");
      }
      String arg = conditions.get("arg");
      if (arg != null) {
        String[] parts = arg.split(",");
        Map<String, Object> test = new LinkedHashMap<>();
        test.put("index", Long.parseLong(parts[0]));
        test.put("value", Long.parseLong(parts[2]));
        if (parts.length > 3 && !parts[3].equals("0")) {
          test.put("valueTwo", Long.parseLong(parts[3]));
        }
        test.put("op", parts[1]);
        out.put("args", List.of(test));
      }
      return out;
    }
  }

  /** A kernel's release, as far as rules depend on it. */
  record Kernel(int major, int minor) {
    static Kernel parse(String release) {
      String[] parts = release.split("[.\\-+]");
      return new Kernel(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
    }

    static Kernel running() {
      return parse(System.getProperty("os.version", "0.0"));
    }

    boolean atLeast(Kernel other) {
      return major > other.major || (major == other.major && minor >= other.minor);
    }
  }

  private static final List<Rule> RULES = read();

  private Seccomp() {}

  /** Whether the kernel filters system calls at all. */
  static boolean isSupported() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .anyMatch(line -> line.startsWith("Seccomp:"));
  }

  /** The member {@code linux.seccomp} of a runtime spec. */
  static Map<String, Object> profile(String arch, Set<String> capabilities, Kernel kernel) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("defaultAction", "SCMP_ACT_ERRNO");
    out.put("defaultErrnoRet", (long) EPERM);
    List<String> architectures = ARCHITECTURES.get(arch);
    if (architectures != null) {
      out.put("architectures", architectures);
    }
    out.put(
        "syscalls",
        RULES.stream()
            .filter(rule -> rule.holds(arch, capabilities, kernel))
            .map(Rule::spec)
            .toList());
    return out;
  }

  private static List<Rule> read() {
    List<Rule> out = new ArrayList<>();
    try (InputStream in = Seccomp.class.getResourceAsStream("seccomp-default.txt")) {
      if (in == null) {
        throw new IllegalStateException("seccomp-default.txt is missing");
      }
      BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.isBlank() || line.startsWith("#")) {
          continue;
        }
        if (line.startsWith(" ")) {
          out.getLast().calls().addAll(List.of(line.trim().split(" ")));
          continue;
        }
        String[] words = line.split(" ");
        Map<String, String> conditions = new LinkedHashMap<>();
        for (String word : List.of(words).subList(1, words.length)) {
          int equals = word.indexOf('=');
          conditions.put(word.substring(0, equals), word.substring(equals + 1));
        }
        out.add(new Rule(words[0], conditions, new ArrayList<>()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.copyOf(out);
  }
}
