package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The rules that take all of a file to see (dockerfile.md sections 4.1 and 7.1). */
final class StageLints {
  private static final Set<String> RESERVED = Set.of("context", "scratch");

  private final List<Stage> stages;
  private final Linter linter;

  StageLints(List<Stage> stages, Linter linter) {
    this.stages = stages;
    this.linter = linter;
  }

  void check() {
    checkNames();
    checkCasing();
  }

  private void checkNames() {
    Set<String> names = new HashSet<>();
    for (Stage stage : stages) {
      String name = stage.name();
      if (RESERVED.contains(name)) {
        linter.report(Violations.reservedStageName(name), stage.origin().location());
      }
      if (!name.isEmpty() && !names.add(name)) {
        linter.report(Violations.duplicateStageName(name), stage.origin().location());
      }
    }
  }

  private void checkCasing() {
    List<Origin> origins = new ArrayList<>();
    for (Stage stage : stages) {
      origins.add(stage.origin());
      stage.instructions().forEach(instruction -> origins.add(instruction.origin()));
    }
    long lower = origins.stream().filter(origin -> LineLints.isLower(origin.keyword())).count();
    long upper = origins.stream().filter(origin -> LineLints.isUpper(origin.keyword())).count();
    boolean mostLower = lower > upper;
    for (Origin origin : origins) {
      String keyword = origin.keyword();
      if (!(mostLower ? LineLints.isLower(keyword) : LineLints.isUpper(keyword))) {
        linter.report(
            Violations.consistentInstructionCasing(keyword, mostLower ? "lowercase" : "uppercase"),
            origin.location());
      }
    }
  }
}
