package dev.buildd.llb;

import dev.buildd.base.error.BuildException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An image's name with all that may be left out filled in: {@code busybox} is {@code
 * docker.io/library/busybox:latest} (distribution/reference).
 */
public record ImageName(String repository, Optional<String> tag, Optional<String> digest) {
  private static final Pattern REFERENCE =
      Pattern.compile(
          "([^@:]+(?::[0-9]+(?=/))?[^@:]*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
              + "(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}))?");
  private static final Pattern DOMAIN =
      Pattern.compile(
          "(?:\\[[0-9A-Fa-f:]+\\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
              + "(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::[0-9]+)?");
  private static final Pattern PATH =
      Pattern.compile(
          "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*");

  /** Parses a name; {@code INVALID_ARGUMENT} where it is none. */
  public static ImageName parse(String text) {
    Matcher matcher = REFERENCE.matcher(text);
    if (!matcher.matches()) {
      throw invalid(text);
    }
    String name = matcher.group(1);
    String domain = "docker.io";
    String path = name;
    int slash = name.indexOf('/');
    if (slash >= 0) {
      String first = name.substring(0, slash);
      if (first.contains(".")
          || first.contains(":")
          || first.equals("localhost")
          || !first.equals(first.toLowerCase(java.util.Locale.ROOT))) {
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
      throw invalid(text);
    }
    return new ImageName(
        domain + "/" + path,
        Optional.ofNullable(matcher.group(2)),
        Optional.ofNullable(matcher.group(3)));
  }

  private static BuildException invalid(String text) {
    return BuildException.invalid(
        text.isEmpty()
            ? "repository name must have at least one component"
            : "invalid reference format: " + text);
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

  @Override
  public String toString() {
    return repository + tag.map(t -> ":" + t).orElse("") + digest.map(d -> "@" + d).orElse("");
  }
}
