package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.instruction.Arg;
import dev.buildd.frontend.dockerfile.lint.Linter;
import java.util.Optional;
import java.util.Set;

/** ARG (section 2.3): the build's value, else the default, else that of the global variable. */
final class ArgConversion {
  static final String SCAN_CONTEXT = "BUILDKIT_SBOM_SCAN_CONTEXT";
  static final String SCAN_STAGE = "BUILDKIT_SBOM_SCAN_STAGE";

  /** Those that tell the frontend something and no command. */
  static final Set<String> NOT_VARIABLES = Set.of(SCAN_CONTEXT, SCAN_STAGE);

  private final BuildStage stage;
  private final Shared shared;
  private final Linter linter;

  ArgConversion(BuildStage stage, Shared shared, Linter linter) {
    this.stage = stage;
    this.shared = shared;
    this.linter = linter;
  }

  /**
   * @param words expand with what is set so far, each variable seeing those before it
   */
  String convert(Arg arg, Words words) {
    StringBuilder text = new StringBuilder("ARG");
    for (Arg.Variable variable : arg.variables()) {
      Arg.Variable valued = convert(arg, variable, words);
      text.append(' ').append(valued.key());
      valued.value().ifPresent(value -> text.append('=').append(value));
    }
    return text.toString();
  }

  private Arg.Variable convert(Arg arg, Arg.Variable variable, Words words) {
    String name = variable.key();
    SecretCheck.check("ARG", name, arg.origin().location(), linter);
    Optional<String> given = Optional.ofNullable(shared.buildArgs().get(name));
    Optional<String> own = given.isPresent() ? given : variable.value().map(words::word);
    Optional<String> global =
        own.isPresent() ? Optional.<String>empty() : shared.globals().variables().value(name);
    Optional<String> value = own.or(() -> global);
    value
        .filter(text -> !NOT_VARIABLES.contains(name))
        .ifPresent(text -> stage.setVariable(name, text));
    stage
        .notes()
        .declare(
            new OutlineNotes.Argument(
                name,
                arg.origin().description(name).orElse(""),
                value,
                Set.of(),
                arg.origin().location()),
            global.isPresent());
    Arg.Variable valued = new Arg.Variable(name, value);
    stage.declare(valued);
    return valued;
  }
}
