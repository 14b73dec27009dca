package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.lex.Lexed;
import dev.buildd.frontend.dockerfile.lex.Line;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.List;

/** Reads what ONBUILD held (dockerfile.md section 4.5). */
final class Triggers {
  private Triggers() {}

  static Instruction parse(String text, Location from) {
    try {
      List<Line> lines = Lexed.of(Texts.encode(text)).lines();
      if (lines.size() != 1) {
        throw new DockerfileException("onbuild trigger should be a single expression");
      }
      return InstructionParser.parse(moved(lines.getFirst(), from));
    } catch (DockerfileException e) {
      throw e.onlyAt(from);
    }
  }

  private static Line moved(Line line, Location to) {
    return new Line(
        line.keyword(),
        line.flags(),
        line.arguments(),
        line.trigger(),
        line.heredocs(),
        line.text(),
        line.comments(),
        to);
  }
}
