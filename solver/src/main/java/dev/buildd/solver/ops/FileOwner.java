package dev.buildd.solver.ops;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.TreeFiles;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A user and a group by number, and how to find them in a root filesystem by name. */
public record FileOwner(int uid, int gid) {
  public static final FileOwner ROOT = new FileOwner(0, 0);

  // an image decides what stands in these files (GHSA-72x6-4j93-7w86)
  private static final long MAX_FILE = 10 << 20;
  private static final int MAX_LINE = 64 << 10;
  private static final long MAX_ID = (1L << 31) - 1;

  /**
   * The fields of every line of a colon-separated file such as /etc/passwd; none if there is no
   * such file.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if it is not a regular file or is too large
   */
  public static List<String[]> entries(Path root, String file) throws IOException {
    List<String[]> out = new ArrayList<>();
    try (FileInputStream opened = TreeFiles.readIn(root, file);
        BufferedReader in =
            new BufferedReader(new InputStreamReader(opened, StandardCharsets.ISO_8859_1))) {
      if (opened.getChannel().size() > MAX_FILE) {
        throw BuildException.invalid(file + " is larger than " + MAX_FILE + " bytes");
      }
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.length() > MAX_LINE) {
          throw BuildException.invalid(file + " has a line of more than " + MAX_LINE + " bytes");
        }
        if (!line.isBlank()) {
          out.add(line.trim().split(":", -1));
        }
      }
    } catch (NotRegularFileException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, file + " is not a regular file", e);
    } catch (LinuxException e) {
      if (e.errno() != Errno.ENOENT && e.errno() != Errno.ENOTDIR) {
        throw e;
      }
    }
    return out;
  }

  /** The number in a field, or -1 where it is none or out of the range of ids. */
  public static int id(String[] entry, int field) {
    if (field >= entry.length) {
      return -1;
    }
    return id(entry[field]);
  }

  /** The number that the text writes, or -1 where it is none or out of the range of ids. */
  public static int id(String text) {
    if (text.isEmpty() || text.length() > 10 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
      return -1;
    }
    long id = Long.parseLong(text);
    return id > MAX_ID ? -1 : (int) id;
  }
}
