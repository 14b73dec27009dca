package dev.buildd.base.concurrent;

import dev.buildd.base.error.Defects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs what must happen whatever else happens: unmounts, kills, releases. */
public final class Cleanup {
  private static final Logger log = LoggerFactory.getLogger(Cleanup.class);

  private Cleanup() {}

  /** Work that may fail. */
  @FunctionalInterface
  public interface Body {
    void run() throws Exception;
  }

  /**
   * Runs the work with the caller's interrupt set aside, and restores the interrupt afterwards. A
   * failure is logged: there is nobody left to tell.
   */
  public static void run(String what, Body body) {
    boolean interrupted = Thread.interrupted();
    try {
      body.run();
    } catch (InterruptedException e) {
      interrupted = true;
    } catch (Exception e) {
      log.warn("cleanup failed what=\"{}\"", what, e);
      Defects.met(what, e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * As {@link #run}, but an interrupt that comes meanwhile does not cut the work short: it is begun
   * again. So it must be such that it can be done twice.
   */
  public static void runToEnd(String what, Body body) {
    boolean interrupted = Thread.interrupted();
    boolean again;
    do {
      again = false;
      try {
        body.run();
      } catch (Exception e) {
        // what waits for a process or a file has its own way to say so, and leaves the flag or not
        again = Thread.interrupted() || e instanceof InterruptedException;
        interrupted |= again;
        if (!again) {
          log.warn("cleanup failed what=\"{}\"", what, e);
          Defects.met(what, e);
        }
      }
    } while (again);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
