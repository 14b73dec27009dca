package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.Location;
import java.util.List;

/**
 * The instructions of a file, as they are written.
 *
 * @param escape the escape character
 * @param emptyContinuations the last line of each instruction that has an empty line in it
 */
public record Lexed(List<Line> lines, int escape, List<Location> emptyContinuations) {
  public Lexed {
    lines = List.copyOf(lines);
    emptyContinuations = List.copyOf(emptyContinuations);
  }

  /**
   * Reads all of a file (dockerfile.md section 1).
   *
   * @throws dev.buildd.frontend.dockerfile.source.DockerfileException located, if it is malformed
   */
  public static Lexed of(byte[] text) {
    return new LineReader(text).read();
  }
}
