package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The names under which users see steps (section 3.0). */
final class StepNames {
  private final boolean withPlatforms;
  private final WordLexer lexer;

  /**
   * @param withPlatforms whether steps of several platforms are to be told apart
   */
  StepNames(boolean withPlatforms, int escape) {
    this.withPlatforms = withPlatforms;
    this.lexer = WordLexer.of(escape);
  }

  /** A name for the next step of a stage. */
  String next(
      BuildStage stage,
      String text,
      Optional<Platform> platform,
      Environment environment,
      boolean trigger) {
    if (stage.stepCount == 0) {
      return text;
    }
    stage.stepNumber++;
    return prefix(stage, platform, environment, trigger) + text;
  }

  /** Another name for the step that was named last. */
  String again(
      BuildStage stage,
      String text,
      Optional<Platform> platform,
      Environment environment,
      boolean trigger) {
    return stage.stepCount == 0 ? text : prefix(stage, platform, environment, trigger) + text;
  }

  private String prefix(
      BuildStage stage, Optional<Platform> platform, Environment environment, boolean trigger) {
    StringBuilder out = new StringBuilder("[");
    if (withPlatforms && platform.isPresent()) {
      out.append(Platforms.format(platform.get()))
          .append(crossTarget(platform.get(), environment))
          .append(' ');
    }
    if (!stage.shownName.isEmpty()) {
      out.append(stage.shownName).append(' ');
    }
    String count = Integer.toString(stage.stepCount);
    String number = Integer.toString(stage.stepNumber);
    out.append(" ".repeat(Math.max(0, count.length() - number.length())))
        .append(number)
        .append('/')
        .append(count)
        .append("] ");
    return out.append(trigger ? "ONBUILD " : "").toString();
  }

  /** What a step of this platform makes things for, where that is another. */
  private static String crossTarget(Platform own, Environment environment) {
    Optional<Platform> target = targetOf(environment);
    if (target.isEmpty()) {
      return "";
    }
    Platform named = target.get();
    Platform full =
        new Platform(
                named.os().isEmpty() ? own.os() : named.os(),
                named.architecture().isEmpty() ? own.architecture() : named.architecture(),
                named.variant(),
                named.osVersion(),
                named.osFeatures())
            .normalized();
    if (!full.os().equals(own.os())) {
      return "->" + full.format();
    }
    return full.architecture().equals(own.architecture())
        ? ""
        : "->" + full.architecture() + (full.variant().isEmpty() ? "" : "/" + full.variant());
  }

  /** The target that a stage knows of by its variables, in the order in which they were set. */
  private static Optional<Platform> targetOf(Environment environment) {
    String os = "";
    String architecture = "";
    String variant = "";
    boolean set = false;
    for (String name : environment.names()) {
      String value = environment.value(name).orElse("");
      switch (name) {
        case "TARGETPLATFORM" -> {
          Optional<Platform> whole = Platforms.tryParse(value);
          if (whole.isPresent()) {
            return whole;
          }
        }
        case "TARGETOS" -> {
          os = value;
          set = true;
        }
        case "TARGETARCH" -> {
          architecture = value;
          set = true;
        }
        case "TARGETVARIANT" -> {
          variant = value;
          set = true;
        }
        default -> {}
      }
    }
    return set
        ? Optional.of(new Platform(os, architecture, variant, "", List.of()))
        : Optional.empty();
  }

  /** The text of an instruction, expanded if it can be. */
  String text(String written, Environment environment) {
    return shouted(expanded(lexer, written, environment));
  }

  /** The text of RUN: its quotes stay, and variables that the shell may know. */
  String runText(String written, Environment environment) {
    return shouted(expanded(lexer.with(WordLexer.Style.STEP_NAME), written, environment));
  }

  private static String expanded(WordLexer lexer, String written, Environment environment) {
    try {
      return lexer.expand(written, environment).text();
    } catch (DockerfileException e) {
      return written; // a name is no reason to fail
    }
  }

  private static String shouted(String text) {
    int blank = text.indexOf(' ');
    return blank < 0
        ? text.toUpperCase(Locale.ROOT)
        : text.substring(0, blank).toUpperCase(Locale.ROOT) + text.substring(blank);
  }
}
