package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.frontend.dockerfile.expand.Expansion;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.instruction.Add;
import dev.buildd.frontend.dockerfile.instruction.Copy;
import dev.buildd.frontend.dockerfile.instruction.Dockerfile;
import dev.buildd.frontend.dockerfile.instruction.Instruction;
import dev.buildd.frontend.dockerfile.instruction.Run;
import dev.buildd.frontend.dockerfile.instruction.Stage;
import dev.buildd.frontend.dockerfile.instruction.Workdir;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import dev.buildd.llb.ImageName;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** FROM as far as it is known without asking anybody (section 4.2). */
final class FromConversion {
  private final ConversionRequest request;
  private final Platforms platforms;
  private final GlobalArguments globals;
  private final Linter linter;
  private final int escape;

  FromConversion(
      ConversionRequest request,
      Platforms platforms,
      GlobalArguments globals,
      Linter linter,
      int escape) {
    this.request = request;
    this.platforms = platforms;
    this.globals = globals;
    this.linter = linter;
    this.escape = escape;
  }

  /** Reports names of images that are none unless the build says what variables are. */
  static void checkDefaults(Dockerfile dockerfile, Variables predefined, Linter linter) {
    try {
      Variables defaults =
          GlobalArguments.of(
                  predefined, dockerfile.arguments(), java.util.Map.of(), dockerfile.escape())
              .variables();
      WordLexer lexer = WordLexer.of(dockerfile.escape());
      for (Stage stage : dockerfile.stages()) {
        if (!isImageName(lexer.expand(stage.base(), defaults).text())) {
          linter.report(
              Violations.invalidDefaultArgInFrom(stage.base()), stage.origin().location());
        }
      }
    } catch (DockerfileException e) {
      // the same fault will be found again, where it counts
    }
  }

  private static boolean isImageName(String text) {
    try {
      ImageName.parse(text);
      return true;
    } catch (BuildException e) {
      return false;
    }
  }

  /** The stages of a file. */
  StageList convert(List<Stage> written) {
    StageList stages = new StageList();
    for (int i = 0; i < written.size(); i++) {
      add(written.get(i), i, stages);
    }
    return stages;
  }

  private void add(Stage written, int index, StageList stages) {
    Linter ours = linter.with(written.origin().comments());
    Set<String> used = new LinkedHashSet<>();
    String base = base(written, ours, used);
    BuildStage stage =
        new BuildStage(written, base, written.name(), new OutlineNotes(globals.declared()));
    stage.environment = globals.variables().none();
    if (!written.platform().isEmpty()) {
      stage.platform = Optional.of(platform(written, ours, used));
    }
    if (!written.name().isEmpty()) {
      stage.replacement = replacement(request, platforms, written.name(), stage.platform, stage);
    }
    if (stage.replacement.isPresent()) {
      stages.add(stage);
      stage.base = Optional.empty(); // all that it says is replaced
      return;
    }
    if (written.name().isEmpty()) {
      stage.shownName = "stage-" + index;
    }
    stages.add(stage);
    stage.notes().use(used);
    stage.stepCount = stepCount(stage);
    stage.ignoresCache = request.options().noCache().covers(written.name());
  }

  /**
   * What is given in place of a stage or an image; nothing can take the place of reserved names.
   */
  static Optional<dev.buildd.frontend.dockerfile.context.NamedContext> replacement(
      ConversionRequest request,
      Platforms platforms,
      String name,
      Optional<Platform> platform,
      BuildStage stage) {
    if (name.equalsIgnoreCase("scratch") || name.equalsIgnoreCase("context")) {
      return Optional.empty();
    }
    Optional<Platform> wanted =
        platform.isPresent() || platforms.implicit() ? platform : Optional.of(platforms.target());
    return request.origins().named().find(name, wanted, stage::usedPaths);
  }

  private String base(Stage written, Linter ours, Set<String> used) {
    Location location = written.origin().location();
    Expansion expansion;
    try {
      expansion = expand(written.base(), ours, location);
    } catch (DockerfileException e) {
      throw e.at(location);
    }
    if (expansion.text().isEmpty()) {
      throw new DockerfileException(
          "base name (" + written.base() + ") should not be blank", location);
    }
    used.addAll(expansion.used());
    return expansion.text();
  }

  /** Expands with global variables, and reports those that nobody declares. */
  private Expansion expand(String text, Linter ours, Location location) {
    Set<String> known = new HashSet<>(globals.declared().keySet());
    known.addAll(globals.variables().names());
    new Words(
            escape,
            globals.variables(),
            name -> {
              if (!known.contains(name)) {
                ours.report(
                    Violations.undefinedArgInFrom(name, known.stream().sorted().toList()),
                    location);
              }
            })
        .word(text);
    return WordLexer.of(escape).expand(text, globals.variables());
  }

  private Platform platform(Stage written, Linter ours, Set<String> used) {
    Location location = written.origin().location();
    String text = written.platform();
    Expansion expansion;
    try {
      expansion = expand(text, ours, location);
    } catch (DockerfileException e) {
      throw e.prefixed("failed to process arguments for platform : ").at(location);
    }
    checkRedundant(text, expansion, ours, location);
    checkConstant(written.name(), expansion, ours, location);
    if (expansion.text().isEmpty()) {
      throw new DockerfileException(
          "empty platform value from expression " + text + hint(expansion), location);
    }
    used.addAll(expansion.used());
    try {
      return Platforms.parse(expansion.text());
    } catch (DockerfileException e) {
      throw new DockerfileException(
          "failed to parse platform " + text + ": " + e.getMessage() + hint(expansion),
          List.of(location, location), // as the reference has it
          e);
    }
  }

  /** The first variable that is misspelled. */
  private String hint(Expansion expansion) {
    return expansion.unset().stream()
        .map(name -> Suggestions.hint(name, globals.variables().names()))
        .filter(hint -> !hint.isEmpty())
        .findFirst()
        .orElse("");
  }

  private void checkRedundant(String text, Expansion expansion, Linter ours, Location location) {
    String target = "TARGETPLATFORM";
    if (expansion.used().equals(Set.of(target))
        && expansion.unset().isEmpty()
        && globals.variables().value(target).orElse("").equals(expansion.text())) {
      ours.report(Violations.redundantTargetPlatform(text), location);
    }
  }

  private static void checkConstant(
      String stage, Expansion expansion, Linter ours, Location location) {
    if (!expansion.used().isEmpty() || !expansion.unset().isEmpty()) {
      return;
    }
    Platforms.tryParse(expansion.text())
        .filter(
            platform -> !stage.contains(platform.os()) && !stage.contains(platform.architecture()))
        .ifPresent(platform ->
            ours.report(Violations.fromPlatformFlagConstDisallowed(expansion.text()), location));
  }

  private static int stepCount(BuildStage stage) {
    int count = stage.baseName.equals(BuildStage.SCRATCH) || stage.base.isPresent() ? 0 : 1;
    for (Instruction instruction : stage.written().instructions()) {
      if (instruction instanceof Add
          || instruction instanceof Copy
          || instruction instanceof Run
          || instruction instanceof Workdir) {
        count++;
      }
    }
    return count;
  }
}
