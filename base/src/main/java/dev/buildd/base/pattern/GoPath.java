package dev.buildd.base.pattern;

import dev.buildd.base.linux.FileNames;
import java.util.ArrayList;
import java.util.List;

/** Slash-separated paths as text, with the meanings of Go's {@code path/filepath} on Unix. */
public final class GoPath {
  private GoPath() {}

  /** The shortest equal path: no empty, {@code .} or inner {@code ..} parts; empty becomes ".". */
  public static String clean(String path) {
    if (path.isEmpty()) {
      return ".";
    }
    boolean rooted = path.charAt(0) == '/';
    List<String> parts = new ArrayList<>();
    for (String part : path.split("/")) {
      switch (part) {
        case "", "." -> {}
        case ".." -> {
          if (!parts.isEmpty() && !parts.getLast().equals("..")) {
            parts.removeLast();
          } else if (!rooted) {
            parts.add(part);
          }
        }
        default -> parts.add(part);
      }
    }
    String joined = String.join("/", parts);
    if (rooted) {
      return "/" + joined;
    }
    return joined.isEmpty() ? "." : joined;
  }

  /** The cleaned join of the parts that are not empty; empty if all are. */
  public static String join(String... parts) {
    StringBuilder out = new StringBuilder();
    for (String part : parts) {
      if (!part.isEmpty()) {
        if (!out.isEmpty()) {
          out.append('/');
        }
        out.append(part);
      }
    }
    return out.isEmpty() ? "" : clean(out.toString());
  }

  /** All but the last part, cleaned; "." where there is no more. */
  public static String dir(String path) {
    int slash = path.lastIndexOf('/');
    return clean(path.substring(0, slash + 1));
  }

  /** The last part; "." of an empty path, "/" of a root. */
  public static String base(String path) {
    int end = path.length();
    while (end > 0 && path.charAt(end - 1) == '/') {
      end--;
    }
    if (end == 0) {
      return path.isEmpty() ? "." : "/";
    }
    return path.substring(path.lastIndexOf('/', end - 1) + 1, end);
  }

  /**
   * The order in which trees are walked: by the bytes of names, with the separator below every
   * other byte, so that a directory's content follows it at once (wire.md section 5, rule 1).
   */
  public static int compare(String a, String b) {
    int n = Math.min(a.length(), b.length());
    for (int i = 0; i < n; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        if (Character.isSurrogate(x) || Character.isSurrogate(y)) {
          int from = i > 0 && Character.isHighSurrogate(a.charAt(i - 1)) ? i - 1 : i;
          return FileNames.compare(a.substring(from), b.substring(from));
        }
        return Integer.compare(rank(x), rank(y));
      }
    }
    return Integer.compare(a.length(), b.length());
  }

  private static int rank(char c) {
    return c == '/' ? -1 : c;
  }
}
