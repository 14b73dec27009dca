package dev.buildd.solver.executor;

import dev.buildd.base.content.Platform;

/** Where programs are looked for by processes whose image and build do not say it. */
public final class DefaultPath {
  private static final String UNIX =
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  private static final String WINDOWS =
      "PATH=c:\\Windows\\System32;c:\\Windows;C:\\Windows\\System32\\WindowsPowerShell\\v1.0";

  private DefaultPath() {}

  /** The variable, as it stands in an environment of that platform. */
  public static String of(Platform platform) {
    return platform.os().equals("windows") ? WINDOWS : UNIX;
  }
}
