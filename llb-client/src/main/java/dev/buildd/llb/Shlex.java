package dev.buildd.llb;

import java.util.ArrayList;
import java.util.List;

/** Splits a command line into words: quotes, backslashes, and comments that begin with a hash. */
final class Shlex {
  private Shlex() {}

  /** The words; those before a quote or escape that never ends. */
  static List<String> split(String line) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    boolean inWord = false;
    int i = 0;
    while (i < line.length()) {
      char c = line.charAt(i++);
      switch (c) {
        case ' ', '\t', '\r', '\n' -> {
          if (inWord) {
            words.add(word.toString());
            word.setLength(0);
            inWord = false;
          }
        }
        case '#' -> {
          if (inWord) {
            word.append(c);
          } else {
            int end = line.indexOf('\n', i);
            i = end < 0 ? line.length() : end + 1;
          }
        }
        case '\\' -> {
          if (i == line.length()) {
            return words;
          }
          inWord = true;
          word.append(line.charAt(i++));
        }
        case '\'' -> {
          int end = line.indexOf('\'', i);
          if (end < 0) {
            return words;
          }
          inWord = true;
          word.append(line, i, end);
          i = end + 1;
        }
        case '"' -> {
          int end = quoted(line, i, word);
          if (end < 0) {
            return words;
          }
          inWord = true;
          i = end;
        }
        default -> {
          inWord = true;
          word.append(c);
        }
      }
    }
    if (inWord) {
      words.add(word.toString());
    }
    return words;
  }

  /** Reads up to the closing double quote; the place after it, or -1. */
  private static int quoted(String line, int from, StringBuilder word) {
    int i = from;
    while (i < line.length()) {
      char c = line.charAt(i++);
      if (c == '"') {
        return i;
      }
      if (c == '\\') {
        if (i == line.length()) {
          return -1;
        }
        c = line.charAt(i++);
      }
      word.append(c);
    }
    return -1;
  }
}
