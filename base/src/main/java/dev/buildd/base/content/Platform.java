package dev.buildd.base.content;

import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An operating system and a processor (OCI image-spec, image index, "platform").
 *
 * <p>Empty text stands for "not given", as on the wire.
 */
public record Platform(
    String os, String architecture, String variant, String osVersion, List<String> osFeatures) {

  private static final String WINDOWS = "windows";
  private static final Pattern SYSTEM =
      Pattern.compile("([A-Za-z0-9_-]+)(?:\\(([^()+]*)((?:\\+[^()+]+)*)\\))?");

  public Platform {
    osFeatures = List.copyOf(osFeatures);
  }

  public static Platform of(String os, String architecture) {
    return new Platform(os, architecture, "", "", List.of());
  }

  /** The platform of this machine, with Go's names. */
  public static Platform host() {
    String arch = System.getProperty("os.arch", "amd64");
    return of("linux", arch.equals("x86_64") ? "amd64" : arch.equals("aarch64") ? "arm64" : arch);
  }

  /** Parses {@code os[(version[+feature]...)]/arch[/variant]}. */
  public static Platform parse(String text) {
    String[] parts = text.split("/", -1);
    Matcher system = SYSTEM.matcher(parts[0]);
    if (parts.length < 2 || parts.length > 3 || !system.matches() || parts[1].isEmpty()) {
      throw BuildException.invalid(
          "\"" + text + "\": unknown operating system or architecture: invalid argument");
    }
    String features = Objects.requireNonNullElse(system.group(3), "");
    return new Platform(
            system.group(1),
            parts[1],
            parts.length == 3 ? parts[2] : "",
            decoded(Objects.requireNonNullElse(system.group(2), "")),
            Arrays.stream(features.split("\\+", -1))
                .filter(feature -> !feature.isEmpty())
                .map(Platform::decoded)
                .toList())
        .normalized();
  }

  private static String encoded(String option) {
    return option
        .replace("%", "%25")
        .replace("+", "%2B")
        .replace("(", "%28")
        .replace(")", "%29")
        .replace("/", "%2F");
  }

  private static String decoded(String option) {
    return option
        .replace("%2F", "/")
        .replace("%29", ")")
        .replace("%28", "(")
        .replace("%2B", "+")
        .replace("%25", "%");
  }

  /** With the aliases of architectures and variants resolved, as containerd's platforms does. */
  public Platform normalized() {
    String o = os.toLowerCase(Locale.ROOT);
    if (o.equals("macos")) {
      o = "darwin";
    }
    String a = architecture.toLowerCase(Locale.ROOT);
    String v = variant.toLowerCase(Locale.ROOT);
    switch (a) {
      case "i386" -> {
        a = "386";
        v = "";
      }
      case "x86_64", "x86-64", "amd64" -> {
        a = "amd64";
        v = v.equals("v1") ? "" : v;
      }
      case "aarch64", "arm64" -> {
        a = "arm64";
        v = v.equals("8") || v.equals("v8") ? "" : v;
      }
      case "armhf" -> {
        a = "arm";
        v = "v7";
      }
      case "armel" -> {
        a = "arm";
        v = "v6";
      }
      case "arm" ->
          v =
              switch (v) {
                case "", "7" -> "v7";
                case "5", "6", "8" -> "v" + v;
                default -> v;
              };
      default -> {}
    }
    return new Platform(o, a, v, osVersion, osFeatures.stream().sorted().distinct().toList());
  }

  /** What programs of this platform's machine can run, best first; all normalized. */
  public List<Platform> compatible() {
    Platform self = normalized();
    List<Platform> out = new ArrayList<>();
    out.add(self);
    switch (self.architecture) {
      case "amd64" -> {
        for (int v = version(self.variant, 0) - 1; v >= 1; v--) {
          out.add(self.as("amd64", v == 1 ? "" : "v" + v));
        }
        out.add(self.as("386", ""));
      }
      case "arm64" -> {
        if (!self.variant.isEmpty()) {
          out.add(self.as("arm64", ""));
        }
        for (int v = 8; v >= 5; v--) {
          out.add(self.as("arm", "v" + v));
        }
      }
      case "arm" -> {
        for (int v = version(self.variant, 7) - 1; v >= 5; v--) {
          out.add(self.as("arm", "v" + v));
        }
      }
      default -> {}
    }
    return List.copyOf(out);
  }

  /**
   * Whether what is made for the other platform, of exactly this architecture and variant, runs on
   * this one; both are normalized. Versions of systems other than Windows do not matter.
   */
  public boolean accepts(Platform other) {
    return os.equals(other.os)
        && architecture.equals(other.architecture)
        && variant.equals(other.variant)
        && (!os.equals(WINDOWS) || WindowsVersion.parse(osVersion).runs(other.osVersion))
        && other.osFeatures.stream()
            .allMatch(feature ->
                osFeatures.contains(feature)
                    || (os.equals(WINDOWS) && feature.equals("win32k"))); // all have it
  }

  /** Whether what is made for the other platform runs on this one, as well as it may. */
  public boolean runs(Platform other) {
    Platform normalized = other.normalized();
    return compatible().stream().anyMatch(platform -> platform.accepts(normalized));
  }

  private Platform as(String otherArchitecture, String otherVariant) {
    return new Platform(os, otherArchitecture, otherVariant, osVersion, osFeatures);
  }

  private static int version(String variant, int otherwise) {
    return variant.matches("v[0-9]") ? variant.charAt(1) - '0' : otherwise;
  }

  /** {@code os[(version[+feature]...)]/arch[/variant]}. */
  public String format() {
    StringBuilder options = new StringBuilder(encoded(osVersion));
    osFeatures.stream()
        .sorted()
        .distinct()
        .forEach(feature -> options.append('+').append(encoded(feature)));
    return (options.isEmpty() ? os : os + "(" + options + ")")
        + "/"
        + architecture
        + (variant.isEmpty() ? "" : "/" + variant);
  }
}
