package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.options.PlatformSpecifier;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.Optional;

/**
 * The platforms of a build (section 5.3).
 *
 * @param build on which steps run that are not told otherwise
 * @param target of the result
 * @param implicit whether nobody asked for the target
 */
record Platforms(Platform build, Platform target, boolean implicit) {
  static Platforms of(Platform build, Optional<Platform> target) {
    return new Platforms(build, target.orElse(build), target.isEmpty());
  }

  /** As users see it. */
  static String format(Platform platform) {
    return platform.os().isEmpty() ? "unknown" : platform.format();
  }

  static Platform parse(String text) {
    return PlatformSpecifier.parse(text);
  }

  /** The platform that a text names; empty if it names none. */
  static Optional<Platform> tryParse(String text) {
    try {
      return Optional.of(PlatformSpecifier.parse(text));
    } catch (DockerfileException e) {
      return Optional.empty();
    }
  }
}
