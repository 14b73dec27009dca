package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Joins physical lines to instructions, with their comments and documents. */
final class LineReader {
  private static final Set<String> WITH_DOCUMENTS = Set.of("add", "copy", "run");

  private final PhysicalLines physical;
  private final DirectiveRun directives = new DirectiveRun("#");
  private final List<Line> lines = new ArrayList<>();
  private final List<Location> emptyContinuations = new ArrayList<>();
  private final List<String> comments = new ArrayList<>();
  private Escape escape = Escape.BACKSLASH;

  LineReader(byte[] text) {
    this.physical = new PhysicalLines(text);
  }

  Lexed read() {
    while (physical.next()) {
      String line = Texts.trimLeft(physical.withoutEnd());
      if (!isDirective(line)) {
        if (line.startsWith("#")) {
          remember(physical.line());
        } else if (!line.isEmpty()) {
          instruction(line);
        }
      }
    }
    if (lines.isEmpty()) {
      throw new DockerfileException("file with no instructions", Location.line(physical.number()));
    }
    physical.checkLength();
    return new Lexed(lines, escape.character(), emptyContinuations);
  }

  private boolean isDirective(String line) {
    try {
      Optional<DirectiveRun.Found> found = directives.read(line);
      if (found.isPresent() && found.get().key().equals("escape")) {
        escape = Escape.parse(found.get().value());
      }
      return found.isPresent();
    } catch (DockerfileException e) {
      throw e.at(Location.line(physical.number() - 1)); // BuildKit has not counted the line yet
    }
  }

  /** Only the first character is what marks the comment: of an indented one the hash stays. */
  private void remember(String rawLine) {
    String comment = Texts.trim(rawLine.substring(1));
    if (comment.isEmpty()) {
      comments.clear();
    } else {
      comments.add(comment);
    }
  }

  private void instruction(String firstLine) {
    int start = physical.number();
    String joined = joined(firstLine);
    try {
      Line line =
          new LineSplit(escape).split(joined, comments, new Location(start, physical.number()));
      lines.add(withDocuments(line, start));
    } catch (DockerfileException e) {
      throw e.at(new Location(start, physical.number()));
    }
    comments.clear();
  }

  private String joined(String firstLine) {
    int continued = escape.continuedAt(firstLine);
    if (continued < 0) {
      return firstLine;
    }
    StringBuilder joined = new StringBuilder().append(firstLine, 0, continued);
    boolean hasEmptyLine = false;
    while (continued >= 0 && physical.next()) {
      String line = physical.withoutEnd();
      String text = Texts.trimLeft(line);
      if (text.isEmpty()) {
        hasEmptyLine = true;
      } else if (!text.startsWith("#")) {
        continued = escape.continuedAt(line);
        joined.append(line, 0, continued < 0 ? line.length() : continued);
      }
    }
    if (hasEmptyLine) {
      emptyContinuations.add(Location.line(physical.number()));
    }
    return joined.toString();
  }

  private Line withDocuments(Line line, int start) {
    if (!mayHaveDocuments(line.trigger().orElse(line)) || line.text().indexOf("<<") < 0) {
      return line;
    }
    List<Heredoc> documents = new ArrayList<>();
    for (Heredoc announced : HeredocWords.of(line.text())) {
      documents.add(announced.withContent(body(announced)));
    }
    return new Line(
        line.keyword(),
        line.flags(),
        line.arguments(),
        line.trigger(),
        documents,
        line.text(),
        line.comments(),
        new Location(start, physical.number()));
  }

  private static boolean mayHaveDocuments(Line line) {
    return !line.arguments().json() && WITH_DOCUMENTS.contains(line.name());
  }

  private String body(Heredoc announced) {
    StringBuilder body = new StringBuilder();
    while (physical.next()) {
      String line = physical.withoutEnd();
      if ((announced.chomp() ? withoutTabs(line) : line).equals(announced.name())) {
        return body.toString();
      }
      body.append(physical.line());
    }
    throw new DockerfileException("unterminated heredoc");
  }

  private static String withoutTabs(String line) {
    int from = 0;
    while (from < line.length() && line.charAt(from) == '\t') {
      from++;
    }
    return line.substring(from);
  }
}
