package dev.buildd.base.linux;

import org.graalvm.nativeimage.VMRuntime;

/**
 * Whether the program is a native executable, and what it then has to do itself. The class is
 * initialized while the executable is built, so that this has only what it uses.
 */
public final class NativeImage {
  /** False on a JVM. */
  public static final boolean BUILT =
      System.getProperty("org.graalvm.nativeimage.imagecode") != null;

  private NativeImage() {}

  /**
   * Begins the program: from now on signals end it in order, by its shutdown hooks, and a pipe that
   * nobody reads is an error of writing. A JVM does so by itself; an executable, only if it takes
   * options of the JVM from its command line, which is the program's own here.
   */
  public static void begin() {
    if (BUILT) {
      VMRuntime.initialize();
    }
  }
}
