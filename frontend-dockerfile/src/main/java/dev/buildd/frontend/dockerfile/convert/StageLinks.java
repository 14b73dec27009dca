package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.instruction.Copy;
import dev.buildd.frontend.dockerfile.instruction.Instruction;
import dev.buildd.frontend.dockerfile.instruction.Run;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Which stages instructions take files of (section 4.4). */
final class StageLinks {
  private static final Pattern NUMBER = Pattern.compile("[+-]?[0-9]+");

  private final StageList stages;
  private final int escape;

  StageLinks(StageList stages, int escape) {
    this.stages = stages;
    this.escape = escape;
  }

  /**
   * Links the instructions of all stages.
   *
   * @throws DockerfileException if stages need each other
   */
  void linkAll() {
    for (BuildStage stage : List.copyOf(stages.all())) {
      List<Step> steps = new ArrayList<>();
      for (Instruction instruction : stage.written().instructions()) {
        steps.add(link(stage, instruction, false));
      }
      stage.steps = steps;
    }
    refuseCircles();
  }

  /** Makes an instruction a step, and notes what its stage needs for it. */
  Step link(BuildStage stage, Instruction instruction, boolean trigger) {
    Step step = new Step(instruction, sources(instruction), trigger);
    for (BuildStage source : step.sources()) {
      stage.dependsOn(source, instruction);
      if (source.isAnonymous() && !stages.all().contains(source)) {
        stages.add(source);
      }
    }
    return step;
  }

  private List<BuildStage> sources(Instruction instruction) {
    return switch (instruction) {
      case Copy copy when !copy.from().isEmpty() -> List.of(source(copy));
      case Run run -> run.mounts().stream().map(mount -> source(mount.from())).toList();
      default -> List.of();
    };
  }

  private BuildStage source(Copy copy) {
    String from = copy.from();
    if (!WordLexer.of(escape).expand(from, Environment.EMPTY).text().equals(from)) {
      throw new DockerfileException(
          "variable expansion is not supported for --from, define a new stage with FROM using ARG"
              + " from global scope as a workaround");
    }
    if (NUMBER.matcher(from).matches()) {
      return stages.at(Integer.parseInt(from));
    }
    return stages.find(from).orElseGet(() -> BuildStage.anonymous(from, copy.origin().location()));
  }

  /** Of a mount: one that names nothing counts as one of the empty image. */
  private BuildStage source(String from) {
    String name = from.isEmpty() ? BuildStage.SCRATCH : from;
    return stages.find(name).orElseGet(() -> BuildStage.anonymous(name, Location.NONE));
  }

  private void refuseCircles() {
    Set<BuildStage> seen = new HashSet<>();
    for (BuildStage stage : stages.all()) {
      List<Instruction> circle = circle(stage, seen);
      if (!circle.isEmpty()) {
        throw new DockerfileException(
            "circular dependency detected on stage: " + stage.shownName,
            circle.stream().map(instruction -> instruction.origin().location()).toList(),
            null);
      }
    }
  }

  /** A stage on the way, and what it needs that has not been looked at. */
  private record Visit(BuildStage stage, Iterator<Map.Entry<BuildStage, Instruction>> rest) {
    static Visit of(BuildStage stage) {
      return new Visit(stage, stage.dependencies().entrySet().iterator());
    }
  }

  /** The instructions that lead from a stage back to one on the way; none if none do. */
  private static List<Instruction> circle(BuildStage start, Set<BuildStage> seen) {
    Deque<Visit> way = new ArrayDeque<>();
    Set<BuildStage> onWay = new HashSet<>();
    List<Instruction> taken = new ArrayList<>();
    if (seen.add(start)) {
      way.push(Visit.of(start));
      onWay.add(start);
    }
    while (!way.isEmpty()) {
      Visit visit = way.element();
      if (!visit.rest.hasNext()) {
        onWay.remove(way.pop().stage);
        if (!taken.isEmpty()) {
          taken.removeLast();
        }
        continue;
      }
      Map.Entry<BuildStage, Instruction> next = visit.rest.next();
      if (onWay.contains(next.getKey())) {
        taken.add(next.getValue());
        return taken;
      }
      if (seen.add(next.getKey())) {
        taken.add(next.getValue());
        onWay.add(next.getKey());
        way.push(Visit.of(next.getKey()));
      }
    }
    return List.of();
  }
}
