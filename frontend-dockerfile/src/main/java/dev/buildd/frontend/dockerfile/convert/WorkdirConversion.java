package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.instruction.Workdir;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import java.util.Optional;

/** WORKDIR (section 3.3): makes the directory, and has all that follows run in it. */
final class WorkdirConversion {
  private static final int MODE = 0755;

  private final BuildStage stage;
  private final Shared shared;
  private final TargetPaths paths;

  WorkdirConversion(BuildStage stage, Shared shared) {
    this.stage = stage;
    this.shared = shared;
    this.paths = TargetPaths.of(stage.platformOr(shared.platforms().target()).os());
  }

  /** Takes over the directory of the image that the stage begins with. */
  String enter(String directory) {
    String path = paths.ofSystem(below(stage.image.workingDir(), directory));
    stage.image.workingDir(path);
    String slashed = paths.toSlashes(path);
    stage.state = stage.state.dir(slashed);
    return slashed;
  }

  private String below(String current, String directory) {
    try {
      return paths.absolute(current, directory, false);
    } catch (DockerfileException e) {
      throw e.prefixed("normalizing workdir: normalizing working directory: ");
    }
  }

  /**
   * @return the directory
   */
  String convert(Workdir workdir, Linter linter, boolean trigger) {
    if (!stage.workdirSet && !paths.isAbsolute(workdir.path())) {
      linter.report(Violations.workdirRelativePath(workdir.path()), workdir.origin().location());
    }
    stage.workdirSet = true;
    String directory = enter(workdir.path());
    if (!directory.equals("/")) {
      make(workdir, directory, trigger);
    }
    return directory;
  }

  private void make(Workdir workdir, String directory, boolean trigger) {
    FileAction.Make options = FileAction.Make.DEFAULT.withParents();
    if (!stage.image.user().isEmpty()) {
      options = options.withOwner(FileAction.Owner.parse(stage.image.user()));
    }
    if (shared.epoch().isPresent()) {
      options = options.withCreated(shared.epoch().get().toInstant());
    }
    Platform platform = stage.platformOr(shared.platforms().target());
    String text = shared.names().text(workdir.origin().text(), stage.environment);
    stage.state =
        stage.state.file(
            Llb.mkdir(directory, MODE, options),
            Llb.customName(
                shared
                    .names()
                    .next(stage, text, Optional.of(platform), stage.environment, trigger)),
            shared.location(workdir.origin().location()));
  }
}
