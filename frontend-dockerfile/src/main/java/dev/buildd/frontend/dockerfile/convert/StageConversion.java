package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.text.GoBool;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.instruction.Add;
import dev.buildd.frontend.dockerfile.instruction.Arg;
import dev.buildd.frontend.dockerfile.instruction.Cmd;
import dev.buildd.frontend.dockerfile.instruction.Copy;
import dev.buildd.frontend.dockerfile.instruction.Entrypoint;
import dev.buildd.frontend.dockerfile.instruction.Env;
import dev.buildd.frontend.dockerfile.instruction.Expose;
import dev.buildd.frontend.dockerfile.instruction.Healthcheck;
import dev.buildd.frontend.dockerfile.instruction.Label;
import dev.buildd.frontend.dockerfile.instruction.Maintainer;
import dev.buildd.frontend.dockerfile.instruction.OnBuild;
import dev.buildd.frontend.dockerfile.instruction.Run;
import dev.buildd.frontend.dockerfile.instruction.Shell;
import dev.buildd.frontend.dockerfile.instruction.StopSignal;
import dev.buildd.frontend.dockerfile.instruction.User;
import dev.buildd.frontend.dockerfile.instruction.Volume;
import dev.buildd.frontend.dockerfile.instruction.Workdir;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.Arrays;
import java.util.Optional;

/** All instructions of a stage, one after the other. */
final class StageConversion {
  private final BuildStage stage;
  private final Shared shared;
  private final History history;

  StageConversion(BuildStage stage, Shared shared) {
    this.stage = stage;
    this.shared = shared;
    this.history = new History(shared.epoch());
  }

  void convert() {
    stage.inherit();
    stage.done = true;
    begin();
    for (Step step : stage.steps) {
      try {
        convert(step);
      } catch (DockerfileException e) {
        throw e.at(step.location());
      }
    }
    stage.scanned = isScanned(ArgConversion.SCAN_STAGE);
    stage.contextScanned = isScanned(ArgConversion.SCAN_CONTEXT);
  }

  /** What the image that the stage begins with says of commands holds here. */
  private void begin() {
    stage.image.addDefaultPath(stage.platform.map(platform -> platform.os()).orElse(""));
    for (String entry : stage.image.env()) {
      int equals = entry.indexOf('=');
      stage.setVariable(
          equals < 0 ? entry : entry.substring(0, equals),
          equals < 0 ? "" : entry.substring(equals + 1));
    }
    String hostname = shared.request().options().run().hostname();
    if (!hostname.isEmpty()) {
      stage.state = stage.state.hostname(hostname);
    }
    if (!stage.image.workingDir().isEmpty()) {
      try {
        new WorkdirConversion(stage, shared).enter(stage.image.workingDir());
      } catch (DockerfileException e) {
        throw e.at(stage.location());
      }
    }
    if (!stage.image.user().isEmpty()) {
      stage.state = stage.state.user(stage.image.user());
    }
    stage.state = stage.state.network(shared.request().options().run().network());
  }

  private void convert(Step step) {
    Linter linter = shared.linter().with(step.instruction().origin().comments());
    Words words =
        new Words(shared.escape(), stage.environment, name -> reportUnset(name, step, linter));
    MetadataConversion metadata = new MetadataConversion(stage, linter, history);
    switch (step.instruction().expanded(words)) {
      case Run run ->
          history.addLayer(
              stage.image,
              new RunConversion(stage, shared, step.trigger()).convert(run, step.sources()));
      case Copy copy ->
          history.addLayer(
              stage.image,
              new CopyConversion(stage, shared, linter, step.trigger())
                  .convert(copy, step.sources().stream().findFirst()));
      case Add add ->
          history.addLayer(
              stage.image, new CopyConversion(stage, shared, linter, step.trigger()).convert(add));
      case Workdir workdir ->
          history.addWorkdir(
              stage.image,
              new WorkdirConversion(stage, shared).convert(workdir, linter, step.trigger()));
      case Arg arg ->
          history.add(stage.image, new ArgConversion(stage, shared, linter).convert(arg, words));
      case Env env -> metadata.convert(env);
      case Label label -> metadata.convert(label);
      case Cmd cmd -> metadata.convert(cmd);
      case Entrypoint entrypoint -> metadata.convert(entrypoint);
      case Healthcheck check -> metadata.convert(check);
      case Expose expose -> metadata.convert(expose);
      case User user -> metadata.convert(user);
      case Volume volume -> metadata.convert(volume);
      case StopSignal stop -> metadata.convert(stop);
      case Shell shell -> metadata.convert(shell);
      case Maintainer maintainer -> metadata.convert(maintainer);
      case OnBuild onBuild -> metadata.convert(onBuild);
    }
  }

  private void reportUnset(String name, Step step, Linter linter) {
    if (!stage.declares(name) && !ArgConversion.NOT_VARIABLES.contains(name)) {
      linter.report(Violations.undefinedVar(name, stage.environment.names()), step.location());
    }
  }

  /** Whether a variable that no command sees is set for this stage. */
  private boolean isScanned(String variable) {
    Optional<String> value =
        stage.declared().stream()
            .filter(arg -> arg.key().equals(variable) && arg.value().isPresent())
            .reduce((first, second) -> second)
            .flatMap(Arg.Variable::value)
            .or(() -> shared.globals().variables().value(variable));
    return value
        .map(text ->
            GoBool.parse(text)
                .orElseGet(() -> Arrays.asList(text.split(",", -1)).contains(stage.shownName)))
        .orElse(false);
  }
}
