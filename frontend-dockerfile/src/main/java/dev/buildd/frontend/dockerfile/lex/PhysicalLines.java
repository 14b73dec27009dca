package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Texts;

/**
 * The lines of a text as they are (dockerfile.md section 1.1). One that is too long ends them: what
 * was read until then comes first.
 */
final class PhysicalLines {
  private static final int MAX_LENGTH = 65535;

  private final byte[] text;
  private int next;
  private int number;
  private boolean tooLong;
  private String line = "";

  PhysicalLines(byte[] text) {
    this.text = text;
  }

  /** All of the text, without the mark in front of it. */
  static String decoded(byte[] text) {
    return Texts.decode(text, markLength(text), text.length);
  }

  /** Goes to the next line; false if there is none, or none that can be read. */
  boolean next() {
    if (next >= text.length || tooLong) {
      return false;
    }
    int end = next;
    while (end < text.length && text[end] != '\n') {
      end++;
    }
    if (end - next > MAX_LENGTH) {
      tooLong = true;
      return false;
    }
    int from = next == 0 ? markLength(text) : next;
    next = Math.min(end + 1, text.length);
    line = Texts.decode(text, from, next);
    number++;
    return true;
  }

  private static int markLength(byte[] text) {
    boolean marked =
        text.length >= 3
            && text[0] == (byte) 0xEF
            && text[1] == (byte) 0xBB
            && text[2] == (byte) 0xBF;
    return marked ? 3 : 0;
  }

  /** The line with its end. */
  String line() {
    return line;
  }

  String withoutEnd() {
    return withoutEnd(line);
  }

  static String withoutEnd(String line) {
    int end = line.length();
    while (end > 0 && (line.charAt(end - 1) == '\n' || line.charAt(end - 1) == '\r')) {
      end--;
    }
    return line.substring(0, end);
  }

  /** How many lines have been read. */
  int number() {
    return number;
  }

  /**
   * @throws DockerfileException if a line was too long to be read
   */
  void checkLength() {
    if (tooLong) {
      throw new DockerfileException(
          "dockerfile line greater than max allowed size of " + MAX_LENGTH, Location.line(number));
    }
  }
}
