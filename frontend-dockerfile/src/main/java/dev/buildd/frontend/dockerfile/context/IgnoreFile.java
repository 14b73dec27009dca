package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.pattern.GoPath;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.List;

/** A file of patterns of what is no part of a context (section 5.2). */
final class IgnoreFile {
  static final String NAME = ".dockerignore";
  private static final int MAX_LINE = 65535;
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private IgnoreFile() {}

  /**
   * The patterns in it, cleaned.
   *
   * @param name for errors
   */
  static List<String> patterns(byte[] content, String name) {
    List<String> out = new ArrayList<>();
    int start = 0;
    while (start < content.length) {
      int end = start;
      while (end < content.length && content[end] != '\n') {
        end++;
      }
      if (end - start > MAX_LINE) {
        throw new DockerfileException("failed parsing " + name + ": bufio.Scanner: token too long");
      }
      String line = Texts.decode(content, start, end);
      if (start == 0 && line.startsWith(BYTE_ORDER_MARK)) {
        line = line.substring(1);
      }
      if (!line.startsWith("#")) {
        String pattern = cleaned(Texts.trim(line));
        if (!pattern.isEmpty()) {
          out.add(pattern);
        }
      }
      start = end + 1;
    }
    return out;
  }

  private static String cleaned(String pattern) {
    boolean taking = pattern.startsWith("!");
    String path = taking ? Texts.trim(pattern.substring(1)) : pattern;
    if (!path.isEmpty()) {
      path = GoPath.clean(path);
      if (path.length() > 1 && path.startsWith("/")) {
        path = path.substring(1);
      }
    }
    return taking ? "!" + path : path;
  }
}
