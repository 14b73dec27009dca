package dev.buildd.daemon;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * What every start needs and nothing else has to wait for, begun beside the reading of the command
 * line: where it fails, who needs it fails again and says so.
 */
final class StartAhead {
  private StartAhead() {}

  static void begin() {
    Threads.startPlatform("start-jars", StartAhead::openJars);
    Threads.startPlatform("start-store", MetadataStore::loadLibrary);
  }

  /** The first look for a resource that is in no jar opens them all; later ones find them open. */
  private static void openJars() {
    try {
      ClassLoader.getSystemResources("META-INF/services/none").hasMoreElements();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
