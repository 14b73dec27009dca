package dev.buildd.llb;

import dev.buildd.base.error.BuildException;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An image's name with all that may be left out filled in: {@code busybox} is {@code
 * docker.io/library/busybox:latest} (distribution/reference).
 */
public record ImageName(String repository, Optional<String> tag, Optional<String> digest) {
  private static final String HUB = "docker.io/";
  private static final String OFFICIAL = HUB + "library/";
  private static final Pattern REFERENCE =
      Pattern.compile(
          "([^@:]+(?::[0-9]+(?=/))?[^@:]*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
              + "(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}))?");
  private static final Pattern IDENTIFIER = Pattern.compile("[a-f0-9]{64}");
  private static final Pattern DOMAIN =
      Pattern.compile(
          "(?:\\[[0-9A-Fa-f:]+\\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
              + "(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::[0-9]+)?");
  private static final Pattern PATH =
      Pattern.compile(
          "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*");

  /** Parses a name; {@code INVALID_ARGUMENT} where it is none. */
  public static ImageName parse(String text) {
    if (IDENTIFIER.matcher(text).matches()) {
      throw BuildException.invalid(
          "invalid repository name (" + text + "), cannot specify 64-byte hexadecimal strings");
    }
    Matcher matcher = REFERENCE.matcher(text);
    if (!matcher.matches()) {
      throw invalid(path(text));
    }
    String name = matcher.group(1);
    String domain = "docker.io";
    String path = name;
    int slash = name.indexOf('/');
    if (slash >= 0) {
      String first = name.substring(0, slash);
      if (isDomain(first)) {
        domain = first;
        path = name.substring(slash + 1);
      }
    }
    if (domain.equals("index.docker.io")) {
      domain = "docker.io";
    }
    if (domain.equals("docker.io") && path.indexOf('/') < 0) {
      path = "library/" + path;
    }
    if (!DOMAIN.matcher(domain).matches() || !PATH.matcher(path).matches()) {
      throw invalid(path);
    }
    return new ImageName(
        domain + "/" + path,
        Optional.ofNullable(matcher.group(2)),
        Optional.ofNullable(matcher.group(3)));
  }

  /** What follows the registry, without the tag. */
  private static String path(String text) {
    int slash = text.indexOf('/');
    String rest =
        slash >= 0 && isDomain(text.substring(0, slash)) ? text.substring(slash + 1) : text;
    if (slash < 0 && !text.isEmpty()) {
      rest = "library/" + text;
    }
    int colon = rest.indexOf(':');
    return colon < 0 ? rest : rest.substring(0, colon);
  }

  private static boolean isDomain(String first) {
    return first.contains(".")
        || first.contains(":")
        || first.equals("localhost")
        || !first.equals(first.toLowerCase(Locale.ROOT));
  }

  private static BuildException invalid(String path) {
    return BuildException.invalid(
        path.equals(path.toLowerCase(Locale.ROOT))
            ? "invalid reference format"
            : "invalid reference format: repository name (" + path + ") must be lowercase");
  }

  /** With the tag {@code latest} if there is neither tag nor digest. */
  public ImageName tagged() {
    return tag.isEmpty() && digest.isEmpty()
        ? new ImageName(repository, Optional.of("latest"), digest)
        : this;
  }

  public ImageName withDigest(String other) {
    return new ImageName(repository, tag, Optional.of(other));
  }

  /** As people write it: without what goes without saying but for the tag. */
  public String familiar() {
    String name = repository;
    if (name.startsWith(OFFICIAL)) {
      name = name.substring(OFFICIAL.length());
    } else if (name.startsWith(HUB)) {
      name = name.substring(HUB.length());
    }
    return name + suffix();
  }

  private String suffix() {
    return tag.map(t -> ":" + t).orElse("") + digest.map(d -> "@" + d).orElse("");
  }

  @Override
  public String toString() {
    return repository + suffix();
  }
}
