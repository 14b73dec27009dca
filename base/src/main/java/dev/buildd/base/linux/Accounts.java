package dev.buildd.base.linux;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.util.OptionalInt;
import jnr.posix.Group;
import jnr.posix.POSIX;
import jnr.posix.POSIXFactory;

/**
 * The host's users and groups, as the C library knows them: from files, directories or wherever
 * nsswitch.conf points. The library that asks it takes most of a second to load, so it is loaded
 * when a name is first looked up.
 */
public final class Accounts {
  private Accounts() {}

  private static final class Library {
    static final POSIX LIBC = POSIXFactory.getNativePOSIX();
  }

  /**
   * The number of a group.
   *
   * @param group a name or a number
   * @throws BuildException {@code NOT_FOUND} if no group has the name
   */
  public static int groupId(String group) {
    if (!group.isEmpty() && group.length() < 10 && group.chars().allMatch(Character::isDigit)) {
      return Integer.parseInt(group);
    }
    return number(group)
        .orElseThrow(() -> BuildException.notFound("group " + group + " not found"));
  }

  private static OptionalInt number(String group) {
    if (NativeImage.BUILT) {
      return asExecutable(group); // the library makes code while it runs
    }
    Group found = Library.LIBC.getgrnam(group);
    return found == null ? OptionalInt.empty() : OptionalInt.of((int) found.getGID());
  }

  /** The way that a native executable has. */
  static OptionalInt asExecutable(String group) {
    try {
      return Linux.groupId(group);
    } catch (LinuxException e) {
      throw new BuildException(
          Category.FAILED_PRECONDITION,
          "failed to look up group " + group + ": " + e.getMessage(),
          e);
    }
  }
}
