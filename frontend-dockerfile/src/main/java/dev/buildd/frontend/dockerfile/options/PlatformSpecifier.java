package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.content.Platform;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Platforms as users write them: {@code os[(version[+feature]...)]/arch[/variant]}, or one word
 * that is known to be either (section 4.2). Other than {@link Platform#parse} it keeps a variant
 * that goes without saying where it was written out.
 */
public final class PlatformSpecifier {
  private static final String COMPONENT = "^[A-Za-z0-9_.-]+$";
  private static final String SYSTEM =
      "^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.%-]*)((?:\\+[A-Za-z0-9_.%-]+)*)\\))?$";
  private static final Pattern COMPONENTS = Pattern.compile(COMPONENT);
  private static final Pattern SYSTEMS = Pattern.compile(SYSTEM);
  private static final Set<String> KNOWN_SYSTEMS =
      Set.of(
          "aix",
          "android",
          "darwin",
          "dragonfly",
          "freebsd",
          "hurd",
          "illumos",
          "ios",
          "js",
          "linux",
          "nacl",
          "netbsd",
          "openbsd",
          "plan9",
          "solaris",
          "windows",
          "zos");
  private static final Set<String> KNOWN_ARCHITECTURES =
      Set.of(
          "386",
          "amd64",
          "amd64p32",
          "arm",
          "armbe",
          "arm64",
          "arm64be",
          "ppc64",
          "ppc64le",
          "loong64",
          "mips",
          "mipsle",
          "mips64",
          "mips64le",
          "mips64p32",
          "mips64p32le",
          "ppc",
          "riscv",
          "riscv64",
          "s390",
          "s390x",
          "sparc",
          "sparc64",
          "wasm");

  private PlatformSpecifier() {}

  /**
   * Parses a platform.
   *
   * @throws DockerfileException with the reference's text
   */
  public static Platform parse(String text) {
    if (text.contains("*")) {
      throw invalid(GoQuote.of(text) + ": wildcards not yet supported");
    }
    String[] parts = text.split("/", 4);
    Platform system = system(parts[0], text);
    for (int i = 1; i < parts.length; i++) {
      if (!COMPONENTS.matcher(parts[i]).matches()) {
        throw invalid(
            GoQuote.of(parts[i])
                + " is an invalid component of "
                + GoQuote.of(text)
                + ": platform specifier component must match "
                + GoQuote.of(COMPONENT));
      }
    }
    return switch (parts.length) {
      case 1 -> oneWord(system, parts[0], text);
      case 2 -> withoutImpliedVariant(with(system, parts[1], ""));
      case 3 -> {
        Platform full = with(system, parts[1], parts[2]);
        yield full.architecture().equals("arm64") && full.variant().isEmpty()
            ? new Platform(full.os(), "arm64", "v8", full.osVersion(), full.osFeatures())
            : full;
      }
      default -> throw invalid(GoQuote.of(text) + ": cannot parse platform specifier");
    };
  }

  private static Platform oneWord(Platform system, String word, String text) {
    if (KNOWN_SYSTEMS.contains(system.os())) {
      return with(system, Platform.host().architecture(), "");
    }
    Platform machine =
        withoutImpliedVariant(
            with(new Platform(Platform.host().os(), "", "", "", List.of()), word, ""));
    if (KNOWN_ARCHITECTURES.contains(machine.architecture())) {
      return machine;
    }
    throw invalid(GoQuote.of(text) + ": unknown operating system or architecture");
  }

  private static Platform system(String part, String text) {
    Matcher matcher = SYSTEMS.matcher(part);
    if (!matcher.matches()) {
      throw invalid(
          GoQuote.of(part)
              + " is an invalid OS component of "
              + GoQuote.of(text)
              + ": OSAndVersion specifier component must match "
              + GoQuote.of(SYSTEM));
    }
    String os = matcher.group(1).toLowerCase(Locale.ROOT);
    return new Platform(
        os.equals("macos") ? "darwin" : os,
        "",
        "",
        decoded(Objects.requireNonNullElse(matcher.group(2), "")),
        Arrays.stream(Objects.requireNonNullElse(matcher.group(3), "").split("\\+", -1))
            .filter(feature -> !feature.isEmpty())
            .map(PlatformSpecifier::decoded)
            .sorted()
            .toList());
  }

  private static String decoded(String option) {
    return option
        .replace("%2F", "/")
        .replace("%29", ")")
        .replace("%28", "(")
        .replace("%2B", "+")
        .replace("%25", "%");
  }

  private static Platform with(Platform system, String architecture, String variant) {
    Platform machine = new Platform("linux", architecture, variant, "", List.of()).normalized();
    return new Platform(
        system.os(),
        machine.architecture(),
        machine.variant(),
        system.osVersion(),
        system.osFeatures());
  }

  private static Platform withoutImpliedVariant(Platform platform) {
    return platform.architecture().equals("arm") && platform.variant().equals("v7")
        ? new Platform(platform.os(), "arm", "", platform.osVersion(), platform.osFeatures())
        : platform;
  }

  private static DockerfileException invalid(String text) {
    return new DockerfileException(text + ": invalid argument");
  }
}
