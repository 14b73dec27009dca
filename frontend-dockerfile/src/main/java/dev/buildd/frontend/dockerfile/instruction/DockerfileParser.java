package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.lex.Lexed;
import dev.buildd.frontend.dockerfile.lex.Line;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.ArrayList;
import java.util.List;

/** Puts instructions into stages. */
final class DockerfileParser {
  private final Linter linter;
  private final List<Arg> arguments = new ArrayList<>();
  private final List<Stage> heads = new ArrayList<>();
  private final List<List<Instruction>> bodies = new ArrayList<>();

  DockerfileParser(Linter linter) {
    this.linter = linter;
  }

  Dockerfile parse(byte[] text) {
    if (text.length == 0) {
      throw new DockerfileException("the Dockerfile cannot be empty");
    }
    Lexed lexed = Lexed.of(text);
    lexed
        .emptyContinuations()
        .forEach(location -> linter.report(Violations.noEmptyContinuation(), location));
    lexed.lines().forEach(this::take);
    if (heads.isEmpty()) {
      throw new DockerfileException("dockerfile contains no stages to build");
    }
    List<Stage> stages = stages();
    new StageLints(stages, linter).check();
    return new Dockerfile(arguments, stages, lexed.escape());
  }

  private List<Stage> stages() {
    List<Stage> stages = new ArrayList<>(heads.size());
    for (int i = 0; i < heads.size(); i++) {
      Stage head = heads.get(i);
      stages.add(
          new Stage(head.origin(), head.name(), head.base(), head.platform(), bodies.get(i)));
    }
    return stages;
  }

  private void take(Line line) {
    if (line.name().equals("from")) {
      heads.add(stage(line));
      bodies.add(new ArrayList<>());
      return;
    }
    Instruction instruction = instruction(line);
    if (!heads.isEmpty()) {
      bodies.getLast().add(instruction);
    } else if (instruction instanceof Arg arg) {
      arguments.add(arg);
    } else {
      throw new DockerfileException("no build stage in current context", line.location());
    }
  }

  private Stage stage(Line line) {
    LineLints lints = new LineLints(linter.with(line.comments()));
    lints.checkFrom(line);
    try {
      Stage stage = StageParser.parse(line);
      lints.checkDescription(stage);
      return stage;
    } catch (DockerfileException e) {
      throw placed(e, line);
    }
  }

  private Instruction instruction(Line line) {
    LineLints lints = new LineLints(linter.with(line.comments()));
    if (line.name().equals("maintainer")) {
      lints.checkMaintainer(line);
    }
    try {
      Instruction instruction = InstructionParser.parse(line);
      if (instruction instanceof Arg arg) {
        lints.checkDescription(arg);
      }
      return instruction;
    } catch (DockerfileException e) {
      throw placed(e, line);
    }
  }

  private static DockerfileException placed(DockerfileException e, Line line) {
    return e.prefixed("dockerfile parse error on line " + line.location().first() + ": ")
        .at(line.location());
  }
}
