package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.context.GitReference;
import dev.buildd.frontend.dockerfile.context.NamedContext;
import dev.buildd.frontend.dockerfile.context.SourceTime;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.instruction.Add;
import dev.buildd.frontend.dockerfile.instruction.Arg;
import dev.buildd.frontend.dockerfile.instruction.Dockerfile;
import dev.buildd.frontend.dockerfile.instruction.Instruction;
import dev.buildd.frontend.dockerfile.instruction.Stage;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.State;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** The time that is told of all that a build makes, so that two builds make the same (5.6). */
final class SourceDateEpoch {
  static final String NAME = "SOURCE_DATE_EPOCH";
  private static final Pattern NUMBER = Pattern.compile("[+-]?[0-9]{1,18}");

  private final ConversionRequest request;
  private final Dockerfile dockerfile;
  private final Variables globals;
  private final Map<String, String> buildArgs;
  private final WordLexer lexer;

  private SourceDateEpoch(
      ConversionRequest request,
      Dockerfile dockerfile,
      Variables globals,
      Map<String, String> buildArgs) {
    this.request = request;
    this.dockerfile = dockerfile;
    this.globals = globals;
    this.buildArgs = buildArgs;
    this.lexer = WordLexer.of(dockerfile.escape());
  }

  /**
   * Finds out the time. Where it was told as the name of a source, variables are changed to hold
   * the time of that source.
   *
   * @return empty if none is told
   */
  static Optional<OffsetDateTime> resolve(
      ConversionRequest request,
      Dockerfile dockerfile,
      Variables globals,
      Map<String, String> buildArgs)
      throws InterruptedException {
    Optional<String> told =
        Optional.ofNullable(buildArgs.get(NAME))
            .or(() -> globals.value(NAME).filter(value -> !value.isEmpty()));
    if (told.isEmpty()) {
      return Optional.empty();
    }
    Optional<OffsetDateTime> time =
        told.get().isEmpty()
            ? Optional.<OffsetDateTime>empty()
            : new SourceDateEpoch(request, dockerfile, globals, buildArgs).read(told.get());
    Optional<String> seconds = time.map(at -> Long.toString(at.toEpochSecond()));
    if (buildArgs.remove(NAME) != null) {
      seconds.ifPresent(text -> buildArgs.put(NAME, text));
    }
    if (globals.isSet(NAME)) {
      seconds.ifPresentOrElse(text -> globals.set(NAME, text), () -> globals.remove(NAME));
    }
    return time;
  }

  private Optional<OffsetDateTime> read(String value) throws InterruptedException {
    if (NUMBER.matcher(value).matches()) {
      return Optional.of(
          OffsetDateTime.ofInstant(Instant.ofEpochSecond(Long.parseLong(value)), ZoneOffset.UTC));
    }
    if (value.equals("context")) {
      return timeOf(
          request.origins().context().files(List.of()),
          "[internal] resolve main build context metadata");
    }
    Optional<NamedContext> named =
        request.origins().named().find(value, Optional.empty(), List::of);
    if (named.isPresent()) {
      return timeOf(
          named.get().load().state(),
          "[internal] resolve SOURCE_DATE_EPOCH named context " + value);
    }
    for (Stage stage : dockerfile.stages()) {
      if (stage.name().equalsIgnoreCase(value)) {
        return timeOf(
            source(stage), "[internal] resolve SOURCE_DATE_EPOCH source stage " + stage.name());
      }
    }
    throw new DockerfileException("invalid SOURCE_DATE_EPOCH: " + value);
  }

  private Optional<OffsetDateTime> timeOf(State state, String logName) throws InterruptedException {
    return SourceTime.of(request.origins().client(), state, logName);
  }

  /** The one thing that a stage brings in. */
  private State source(Stage stage) {
    try {
      Variables variables = globals.copy();
      variables.remove(NAME); // its value is this stage's name
      if (!lexer.expand(stage.base(), variables).text().equals(BuildStage.SCRATCH)) {
        throw new DockerfileException("SOURCE_DATE_EPOCH stage must use FROM scratch");
      }
      Optional<State> source = Optional.empty();
      for (Instruction instruction : stage.instructions()) {
        switch (instruction) {
          case Arg arg -> apply(arg, variables);
          case Add add -> {
            if (source.isPresent()) {
              throw notOne();
            }
            source = Optional.of(source(add, variables));
          }
          default ->
              throw new DockerfileException(
                  "SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported "
                      + instruction.origin().keyword()
                      + " instruction");
        }
      }
      return source.orElseThrow(SourceDateEpoch::notOne);
    } catch (DockerfileException e) {
      throw e.at(stage.origin().location());
    }
  }

  private static DockerfileException notOne() {
    return new DockerfileException("SOURCE_DATE_EPOCH stage must contain exactly one remote ADD");
  }

  private void apply(Arg arg, Variables variables) {
    for (Arg.Variable variable : arg.variables()) {
      Optional.ofNullable(buildArgs.get(variable.key()))
          .or(() -> variable.value().map(value -> lexer.expand(value, variables).text()))
          .ifPresent(value -> variables.set(variable.key(), value));
    }
  }

  private State source(Add add, Variables variables) {
    if (!add.sources().documents().isEmpty() || add.sources().paths().size() != 1) {
      throw new DockerfileException(
          "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD source");
    }
    String path = lexer.expand(add.sources().paths().getFirst(), variables).text();
    String checksum = lexer.expand(add.checksum(), variables).text();
    if (RemoteFiles.isUrl(path)) {
      return RemoteFiles.url(path, checksum);
    }
    GitReference reference =
        RemoteFiles.repository(path)
            .orElseThrow(() ->
                new DockerfileException(
                    "SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD"));
    boolean keep =
        add.keepGitDirectory().orElse(false) || reference.keepGitDirectory().orElse(false);
    return RemoteFiles.git(reference, keep, checksum);
  }
}
