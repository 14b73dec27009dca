package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.pattern.GoPath;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;

/**
 * Paths in the system that an image is for. On Windows both slashes part directories, and the one
 * drive there is may be named.
 */
record TargetPaths(boolean windows) {
  /** What stands before the fault of a path; BuildKit's texts count how often it was cleaned. */
  static final String CLEANING = "removing drive letter: ";

  static TargetPaths of(String os) {
    return new TargetPaths(os.equals("windows"));
  }

  String toSlashes(String path) {
    return windows ? path.replace('\\', '/') : path;
  }

  /** As the system itself writes it. */
  String ofSystem(String path) {
    return windows ? path.replace('/', '\\') : path;
  }

  boolean isAbsolute(String path) {
    try {
      return withoutDrive(path, false).startsWith("/");
    } catch (DockerfileException e) {
      return false;
    }
  }

  /**
   * Makes a path absolute; one that is already stays as it is, but on Windows.
   *
   * @param keepSlash whether a slash at the end stays, which says that it is a directory
   */
  String absolute(String directory, String path, boolean keepSlash) {
    String written = toSlashes(path);
    String parent = withoutDrive(directory.isEmpty() ? "/" : toSlashes(directory), keepSlash);
    if (!parent.startsWith("/")) {
      parent = GoPath.join("/", parent);
    }
    String out = withoutDrive(written.isEmpty() ? parent : written, keepSlash);
    if (!out.startsWith("/")) {
      out = GoPath.join(parent, out);
    }
    if (keepSlash && written.endsWith("/") && !out.endsWith("/")) {
      return out + "/";
    }
    if (keepSlash && written.endsWith("/.")) {
      return (out.equals("/") ? out : out + "/") + ".";
    }
    return out;
  }

  String withoutDrive(String path, boolean keepSlash) {
    if (!windows) {
      return path;
    }
    if (path.length() == 2 && path.charAt(1) == ':') {
      throw new DockerfileException(CLEANING + "No relative path specified in " + GoQuote.of(path));
    }
    if (toSlashes(path).startsWith("//")) {
      throw new DockerfileException(CLEANING + "UNC paths are not supported");
    }
    int colon = path.indexOf(':');
    if (colon < 0) {
      return cleaned(path, keepSlash);
    }
    if (!path.substring(0, colon).equalsIgnoreCase("c")) {
      throw new DockerfileException(
          CLEANING + "The specified path is not on the system drive (C:)");
    }
    return cleaned(path.substring(colon + 1), keepSlash);
  }

  private String cleaned(String path, boolean keepSlash) {
    String slashed = toSlashes(path);
    String clean = GoPath.clean(slashed);
    return keepSlash && clean.length() > 1 && slashed.endsWith("/") ? clean + "/" : clean;
  }
}
