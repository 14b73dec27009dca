package dev.buildd.registry;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of an image, in full: {@code host/path[:tag][@digest]}.
 *
 * <p>Short names are those of Docker Hub: {@code busybox} is {@code
 * docker.io/library/busybox:latest}.
 */
public record ImageReference(
    String host, String path, Optional<String> tag, Optional<Digest> digest) {
  public static final String DOCKER_HUB = "docker.io";

  private static final int MAX_NAME = 255;
  private static final Pattern HOST =
      Pattern.compile(
          "(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
              + "(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*"
              + "|\\[[a-fA-F0-9:]+])(?::[0-9]+)?");
  private static final Pattern PATH =
      Pattern.compile(
          "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*");
  private static final Pattern TAG = Pattern.compile("\\w[\\w.-]{0,127}");
  private static final Pattern ONLY_HEX = Pattern.compile("[a-f0-9]{64}");

  /** Parses a name as users write it. With neither tag nor digest the tag is {@code latest}. */
  public static ImageReference parse(String text) {
    if (ONLY_HEX.matcher(text).matches()) {
      throw invalid(text, "cannot specify 64-byte hexadecimal strings as a repository name");
    }
    String rest = text;
    Optional<Digest> digest = Optional.empty();
    int at = rest.indexOf('@');
    if (at >= 0) {
      try {
        digest = Optional.of(Digest.parse(rest.substring(at + 1)));
      } catch (BuildException e) {
        throw invalid(text, "invalid reference format");
      }
      rest = rest.substring(0, at);
    }
    Optional<String> tag = Optional.empty();
    int colon = rest.lastIndexOf(':');
    if (colon > rest.lastIndexOf('/')) {
      tag = Optional.of(rest.substring(colon + 1));
      rest = rest.substring(0, colon);
      if (!TAG.matcher(tag.get()).matches()) {
        throw invalid(text, "invalid reference format");
      }
    }
    String host = DOCKER_HUB;
    int slash = rest.indexOf('/');
    if (slash >= 0 && isHost(rest.substring(0, slash))) {
      host = rest.substring(0, slash);
      rest = rest.substring(slash + 1);
    }
    if (host.equals("index.docker.io")) {
      host = DOCKER_HUB;
    }
    if (host.equals(DOCKER_HUB) && rest.indexOf('/') < 0) {
      rest = "library/" + rest;
    }
    if (!rest.equals(rest.toLowerCase(java.util.Locale.ROOT))) {
      throw invalid(
          text, "invalid reference format: repository name (" + rest + ") must be lowercase");
    }
    if (!HOST.matcher(host).matches() || !PATH.matcher(rest).matches()) {
      throw invalid(text, "invalid reference format");
    }
    if (rest.length() > MAX_NAME) {
      throw invalid(text, "repository name must not be more than 255 characters");
    }
    if (tag.isEmpty() && digest.isEmpty()) {
      tag = Optional.of("latest");
    }
    return new ImageReference(host, rest, tag, digest);
  }

  private static boolean isHost(String first) {
    return first.indexOf('.') >= 0
        || first.indexOf(':') >= 0
        || first.equals("localhost")
        || !first.equals(first.toLowerCase(java.util.Locale.ROOT));
  }

  private static BuildException invalid(String text, String why) {
    return BuildException.invalid("failed to parse reference \"" + text + "\": " + why);
  }

  /** Without tag and digest. */
  public String name() {
    return host + "/" + path;
  }

  /** What the registry calls it: the digest if there is one, else the tag. */
  public String object() {
    return digest.map(Digest::toString).or(() -> tag).orElse("latest");
  }

  public ImageReference withDigest(Digest wanted) {
    return new ImageReference(host, path, tag, Optional.of(wanted));
  }

  @Override
  public String toString() {
    return name() + tag.map(t -> ":" + t).orElse("") + digest.map(d -> "@" + d).orElse("");
  }
}
