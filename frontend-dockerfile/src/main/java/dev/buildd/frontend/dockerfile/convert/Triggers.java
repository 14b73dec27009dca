package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.instruction.Dockerfile;
import dev.buildd.frontend.dockerfile.instruction.OnBuild;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.ArrayList;
import java.util.List;

/** What bases ask of those who build on them: it comes first in the stage (section 4.5). */
final class Triggers {
  private final StageLinks links;

  Triggers(StageLinks links) {
    this.links = links;
  }

  /**
   * Puts the triggers of a stage's base in front of its instructions, once.
   *
   * @return whether they take files of other stages
   */
  boolean take(BuildStage stage) {
    List<String> triggers = new ArrayList<>();
    if (stage.base.isEmpty()) {
      triggers.addAll(stage.image.onBuild());
      stage.image.clearOnBuild();
    } else if (!stage.triggersTaken) {
      for (Step step : stage.base.get().steps) {
        if (step.instruction() instanceof OnBuild onBuild) {
          triggers.add(onBuild.trigger());
        }
      }
    }
    stage.triggersTaken = true;
    if (triggers.isEmpty()) {
      return false;
    }
    List<Step> steps = new ArrayList<>();
    for (String trigger : triggers) {
      steps.add(step(stage, trigger));
    }
    boolean linked = steps.stream().anyMatch(step -> !step.sources().isEmpty());
    stage.stepCount += steps.size();
    steps.addAll(stage.steps);
    stage.steps = steps;
    return linked;
  }

  private Step step(BuildStage stage, String trigger) {
    try {
      return links.link(stage, Dockerfile.parseTrigger(trigger, stage.location()), true);
    } catch (DockerfileException e) {
      throw e.onlyAt(stage.location());
    }
  }
}
