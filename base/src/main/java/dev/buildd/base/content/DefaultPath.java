package dev.buildd.base.content;

/** {@code PATH}: where programs are looked for by processes whose image and build do not say it. */
public final class DefaultPath {
  public static final String UNIX = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  private static final String WINDOWS =
      "c:\\Windows\\System32;c:\\Windows;C:\\Windows\\System32\\WindowsPowerShell\\v1.0";

  private DefaultPath() {}

  public static String of(Platform platform) {
    return platform.os().equals("windows") ? WINDOWS : UNIX;
  }
}
