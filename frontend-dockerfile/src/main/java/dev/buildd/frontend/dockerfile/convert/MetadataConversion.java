package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.frontend.dockerfile.image.ImageDraft;
import dev.buildd.frontend.dockerfile.instruction.Cmd;
import dev.buildd.frontend.dockerfile.instruction.CommandLine;
import dev.buildd.frontend.dockerfile.instruction.Entrypoint;
import dev.buildd.frontend.dockerfile.instruction.Env;
import dev.buildd.frontend.dockerfile.instruction.Expose;
import dev.buildd.frontend.dockerfile.instruction.Healthcheck;
import dev.buildd.frontend.dockerfile.instruction.Instruction;
import dev.buildd.frontend.dockerfile.instruction.KeyValue;
import dev.buildd.frontend.dockerfile.instruction.Label;
import dev.buildd.frontend.dockerfile.instruction.Maintainer;
import dev.buildd.frontend.dockerfile.instruction.OnBuild;
import dev.buildd.frontend.dockerfile.instruction.Origin;
import dev.buildd.frontend.dockerfile.instruction.Port;
import dev.buildd.frontend.dockerfile.instruction.Shell;
import dev.buildd.frontend.dockerfile.instruction.Signals;
import dev.buildd.frontend.dockerfile.instruction.StopSignal;
import dev.buildd.frontend.dockerfile.instruction.User;
import dev.buildd.frontend.dockerfile.instruction.Volume;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Instructions that change no files: they are noted in the configuration (section 3.3). */
final class MetadataConversion {
  private final BuildStage stage;
  private final ImageDraft image;
  private final Linter linter;
  private final History history;

  MetadataConversion(BuildStage stage, Linter linter, History history) {
    this.stage = stage;
    this.image = stage.image;
    this.linter = linter;
    this.history = history;
  }

  void convert(Env env) {
    StringBuilder text = new StringBuilder("ENV");
    for (KeyValue pair : env.pairs()) {
      noteLegacy(pair, env.origin());
      SecretCheck.check("ENV", pair.key(), env.origin().location(), linter);
      stage.setVariable(pair.key(), pair.value());
      image.putEnv(pair.key(), pair.value());
      text.append(' ').append(pair.key()).append('=').append(pair.value());
    }
    history.add(image, text.toString());
  }

  void convert(Label label) {
    StringBuilder text = new StringBuilder("LABEL");
    for (KeyValue pair : label.pairs()) {
      noteLegacy(pair, label.origin());
      image.putLabel(pair.key(), pair.value());
      text.append(' ').append(pair.key()).append('=').append(pair.value());
    }
    history.add(image, text.toString());
  }

  private void noteLegacy(KeyValue pair, Origin origin) {
    if (pair.legacy()) {
      linter.report(Violations.legacyKeyValueFormat(origin.keyword()), origin.location());
    }
  }

  void convert(Maintainer maintainer) {
    image.author(maintainer.author());
    history.add(image, "MAINTAINER " + maintainer.author());
  }

  void convert(OnBuild onBuild) {
    image.addOnBuild(onBuild.trigger());
  }

  void convert(Cmd cmd) {
    noteRepetition(cmd);
    List<String> words = words(cmd.command(), cmd.origin());
    image.command(words);
    image.argsEscaped(true);
    history.add(image, "CMD " + History.quoted(words));
  }

  void convert(Entrypoint entrypoint) {
    noteRepetition(entrypoint);
    List<String> words = words(entrypoint.command(), entrypoint.origin());
    image.entrypoint(words);
    if (!stage.last.containsKey(Cmd.class)) {
      image.command(List.of()); // it was meant for another entrypoint
    }
    history.add(image, "ENTRYPOINT " + History.quoted(words));
  }

  private List<String> words(CommandLine command, Origin origin) {
    if (!command.shell()) {
      return command.words();
    }
    if (image.shell().isEmpty()) {
      linter.report(Violations.jsonArgsRecommended(origin.keyword()), origin.location());
    }
    return inShell(image, String.join(" ", command.words()));
  }

  /** A command for the image's shell. */
  static List<String> inShell(ImageDraft image, String command) {
    List<String> out = new ArrayList<>(image.shell());
    if (out.isEmpty()) {
      out.addAll(image.isWindows() ? List.of("cmd", "/S", "/C") : List.of("/bin/sh", "-c"));
    }
    out.add(command);
    return out;
  }

  /** Only the last counts of such instructions; told of the one that does not. */
  private void noteRepetition(Instruction instruction) {
    Optional<Location> earlier =
        Optional.ofNullable(
            stage.last.put(instruction.getClass(), instruction.origin().location()));
    earlier.ifPresent(location ->
        linter.report(
            Violations.multipleInstructionsDisallowed(instruction.origin().keyword()), location));
  }

  void convert(Healthcheck check) {
    noteRepetition(check);
    Healthcheck.Timing timing = check.timing();
    image.healthcheck(
        new ImageConfig.Healthcheck(
            check.test(),
            timing.interval(),
            timing.timeout(),
            timing.startPeriod(),
            timing.startInterval(),
            timing.retries()));
    history.add(image, History.healthcheck(check));
  }

  void convert(Expose expose) {
    List<String> ports = new ArrayList<>();
    Location location = expose.origin().location();
    for (String word : expose.ports()) {
      Port port = Port.parse(word);
      if (!port.isProperCase()) {
        linter.report(Violations.exposeProtoCasing(word), location);
      }
      if (!port.isPlain()) {
        linter.report(Violations.exposeInvalidFormat(word), location);
      }
      ports.addAll(port.ports());
    }
    ports.forEach(image::exposePort);
    history.add(image, "EXPOSE " + History.plain(ports));
  }

  void convert(User user) {
    stage.state = stage.state.user(user.user());
    image.user(user.user());
    history.add(image, "USER " + user.user());
  }

  void convert(Volume volume) {
    for (String path : volume.paths()) {
      if (path.isEmpty()) {
        throw new DockerfileException("VOLUME specified can not be an empty string");
      }
      image.addVolume(path);
    }
    history.add(image, "VOLUME " + History.plain(volume.paths()));
  }

  void convert(StopSignal stop) {
    if (!Signals.isSignal(stop.signal())) {
      throw new DockerfileException("invalid signal: " + stop.signal());
    }
    image.stopSignal(stop.signal());
    history.add(image, "STOPSIGNAL " + stop.signal());
  }

  void convert(Shell shell) {
    image.shell(shell.words());
    history.add(image, "SHELL " + History.plain(shell.words()));
  }
}
