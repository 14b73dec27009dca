package dev.buildd.base.linux;

import dev.buildd.base.error.BuildException;
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
    Group found = Library.LIBC.getgrnam(group);
    if (found == null) {
      throw BuildException.notFound("group " + group + " not found");
    }
    return (int) found.getGID();
  }
}
