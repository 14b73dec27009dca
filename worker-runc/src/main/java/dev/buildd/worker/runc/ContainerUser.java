package dev.buildd.worker.runc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.solver.ops.FileOwner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The ids a process runs with.
 *
 * @param additionalGids begins with {@code gid}
 */
record ContainerUser(long uid, long gid, List<Long> additionalGids) {
  private static final int NAME = 0;
  private static final int ID = 2;
  private static final int PRIMARY_GROUP = 3; // of passwd
  private static final int MEMBERS = 3; // of group

  ContainerUser {
    additionalGids = List.copyOf(additionalGids);
  }

  private static ContainerUser of(long uid, long gid, List<Long> supplementary) {
    List<Long> gids = new ArrayList<>(supplementary);
    if (!gids.contains(gid)) {
      gids.addFirst(gid);
    }
    return new ContainerUser(uid, gid, gids);
  }

  /**
   * Looks up {@code user[:group]} as names or numbers. A number is never taken for a name; without
   * a group the user's own and those that list the user as a member hold. Empty means root,
   * whatever the root filesystem's files look like.
   */
  static ContainerUser lookup(Path root, String user) throws IOException {
    refuseFifo(root, "/etc/passwd");
    refuseFifo(root, "/etc/group");
    if (user.isEmpty()) {
      try {
        return find(root, "0", "");
      } catch (IOException | BuildException e) {
        return of(0, 0, List.of()); // files nobody asked to have read
      }
    }
    int colon = user.indexOf(':');
    if (colon < 0) {
      return find(root, user, "");
    }
    String name = user.substring(0, colon);
    String group = user.substring(colon + 1);
    if (isNumberOrRoot(name) && isNumberOrRoot(group)) {
      return of(number(name), number(group), List.of());
    }
    return find(root, name, group);
  }

  // runc opens them too, and up to 1.1.5 waits for ever for a writer
  private static void refuseFifo(Path root, String file) throws IOException {
    Stat stat = Linux.tryLstat(RootedPath.resolve(root, file));
    if (stat != null && stat.type() == Stat.S_IFIFO) {
      throw BuildException.invalid(file + " is not a regular file");
    }
  }

  private static boolean isNumberOrRoot(String text) {
    return text.equals("root") || isNumber(text);
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private static long number(String text) {
    return text.equals("root") ? 0 : inRange(text);
  }

  private static int inRange(String text) {
    int id = FileOwner.id(text);
    if (id < 0) {
      throw BuildException.invalid("uids and gids must be in range 0-2147483647");
    }
    return id;
  }

  private static ContainerUser find(Path root, String user, String group) throws IOException {
    long uid = isNumber(user) ? inRange(user) : 0;
    long gid = 0;
    String name = "";
    String[] entry = null;
    for (String[] line : FileOwner.entries(root, "/etc/passwd")) {
      int id = FileOwner.id(line, ID);
      boolean matches =
          (isNumber(user) || user.isEmpty()) ? id == uid : id >= 0 && line[NAME].equals(user);
      if (matches) {
        entry = line;
        break;
      }
    }
    if (entry != null) {
      name = entry[NAME];
      uid = FileOwner.id(entry, ID);
      gid = Math.max(0, FileOwner.id(entry, PRIMARY_GROUP));
    } else if (!user.isEmpty() && !isNumber(user)) {
      throw BuildException.unknown(
          "unable to find user " + user + ": no matching entries in passwd file", null);
    }
    if (!group.isEmpty()) {
      return of(uid, groupId(root, group), List.of());
    }
    List<Long> supplementary = new ArrayList<>();
    if (!name.isEmpty()) {
      for (String[] line : FileOwner.entries(root, "/etc/group")) {
        int id = FileOwner.id(line, ID);
        if (id >= 0
            && line.length > MEMBERS
            && Arrays.asList(line[MEMBERS].split(",")).contains(name)) {
          supplementary.add((long) id);
        }
      }
    }
    return of(uid, gid, supplementary);
  }

  private static long groupId(Path root, String group) throws IOException {
    if (isNumber(group)) {
      return inRange(group);
    }
    for (String[] line : FileOwner.entries(root, "/etc/group")) {
      int id = FileOwner.id(line, ID);
      if (id >= 0 && line[NAME].equals(group)) {
        return id;
      }
    }
    throw BuildException.unknown(
        "unable to find group " + group + ": no matching entries in group file", null);
  }
}
