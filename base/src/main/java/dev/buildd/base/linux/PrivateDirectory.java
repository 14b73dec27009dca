package dev.buildd.base.linux;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Directories that nobody but this process's user may enter. What builds make keeps the modes that
 * images want, setuid programs and files that all may read among them: what keeps the machine's
 * other users from it is that they cannot come near.
 */
public final class PrivateDirectory {
  private static final Logger log = LoggerFactory.getLogger(PrivateDirectory.class);
  private static final int DIRECTORY = 0700;
  private static final int FILE = 0600;
  private static final int OTHERS = 077;
  private static final String LOST_AND_FOUND = "lost+found";

  private PrivateDirectory() {}

  /** Makes the directory, its parents as usual; one that is there becomes private. */
  public static Path make(Path directory) throws IOException {
    if (!Linux.exists(directory)) {
      Path parent = directory.getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Linux.mkdir(directory, DIRECTORY);
    }
    mend(directory, Level.WARN);
    return directory;
  }

  /**
   * As {@link #make}, for the directory that holds all the others; what lies directly in it is
   * mended too. A directory that has been used for something else is not taken from its owner.
   *
   * @param mark the name of a file in every such directory that has been in use
   * @return the directory's path without links
   * @throws BuildException {@code FAILED_PRECONDITION} if it holds other things and is open to
   *     others
   */
  public static Path makeRoot(Path directory, String mark) throws IOException {
    Path at = directory.toAbsolutePath().normalize();
    if (Files.isDirectory(at)) { // a link to one, too
      at = at.toRealPath();
      Stat stat = Linux.lstat(at);
      List<Path> entries = FileNames.list(at);
      boolean isOurs =
          Linux.exists(at.resolve(mark)) || entries.stream().allMatch(PrivateDirectory::isNothing);
      if (!isOurs && !isPrivate(stat)) {
        throw new BuildException(
            Category.FAILED_PRECONDITION,
            "the root "
                + at
                + " holds other things and is open to other users: give the daemon a directory of"
                + " its own");
      }
      if (isOurs) {
        boolean open = !isPrivate(stat); // else nobody came near its entries
        for (Path entry : entries) {
          mend(entry, open ? Level.WARN : Level.DEBUG);
        }
      }
    }
    return make(at).toRealPath();
  }

  private static boolean isNothing(Path entry) {
    return String.valueOf(entry.getFileName()).equals(LOST_AND_FOUND);
  }

  private static boolean isPrivate(Stat stat) throws IOException {
    return stat.uid() == self() && (stat.permissions() & OTHERS) == 0;
  }

  private static int self() throws IOException {
    return Linux.stat(Path.of("/proc/self")).uid();
  }

  private static void mend(Path path, Level level) throws IOException {
    Stat stat = Linux.lstat(path);
    if (isPrivate(stat) || stat.isSymlink()) {
      return;
    }
    log.atLevel(level)
        .log(
            "other users could get in, mended path={} mode={} owner={}",
            path,
            Integer.toOctalString(stat.permissions()),
            stat.uid());
    Linux.lchown(path, self(), stat.gid());
    Linux.chmod(path, stat.isDirectory() ? DIRECTORY : FILE);
  }
}
