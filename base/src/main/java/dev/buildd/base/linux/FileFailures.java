package dev.buildd.base.linux;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.Callable;

/** Turns failures of files into failures that say what was being done. */
public final class FileFailures {
  private static final String NO_SPACE = "No space left on device"; // the C library's words

  private FileFailures() {}

  public static <T> T wrap(String what, Callable<T> body) {
    try {
      return body.call();
    } catch (BuildException e) {
      throw e;
    } catch (LinuxException e) {
      throw new BuildException(
          e.errno() == Errno.ENOSPC ? Category.RESOURCE_EXHAUSTED : Category.UNKNOWN,
          what + ": " + e.getMessage(),
          e);
    } catch (IOException e) {
      String message = String.valueOf(e.getMessage());
      throw new BuildException(
          message.contains(NO_SPACE) ? Category.RESOURCE_EXHAUSTED : Category.UNKNOWN,
          what + ": " + message,
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BuildException(Category.CANCELED, what + ": cancelled", e);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw BuildException.unknown(what + ": " + e.getMessage(), e);
    }
  }

  /** Whether something failed for want of space on this machine's disk. */
  public static boolean isDiskFull(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if ((e instanceof IOException || BuildException.categoryOf(e) == Category.RESOURCE_EXHAUSTED)
          && String.valueOf(e.getMessage())
              .toLowerCase(Locale.ROOT)
              .contains(Errno.describe(Errno.ENOSPC))) {
        return true;
      }
    }
    return false;
  }

  public static void run(String what, Cleanup.Body body) {
    wrap(
        what,
        () -> {
          body.run();
          return true;
        });
  }
}
