package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.pattern.PatternMatcher;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.llb.ConstraintsOption;
import dev.buildd.llb.Llb;
import dev.buildd.llb.ProxyVariables;
import dev.buildd.llb.State;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What all stages of a conversion have in common.
 *
 * @param buildArgs what the build says variables are
 * @param escape the escape character of the file
 * @param context the files of the main context; which of them is known once all is converted
 * @param ignored what is no part of the context
 * @param caps what the daemon can build
 */
record Shared(
    ConversionRequest request,
    Platforms platforms,
    GlobalArguments globals,
    Map<String, String> buildArgs,
    Optional<OffsetDateTime> epoch,
    int escape,
    Linter linter,
    StepNames names,
    State context,
    Optional<PatternMatcher> ignored,
    Optional<ProxyVariables> proxies,
    Set<String> caps) {

  /** The same, once it is known what is no part of the context. */
  Shared withIgnored(Optional<PatternMatcher> patterns) {
    return new Shared(
        request, platforms, globals, buildArgs, epoch, escape, linter, names, context, patterns,
        proxies, caps);
  }

  /** Says that a step was made from these lines. */
  ConstraintsOption location(dev.buildd.frontend.dockerfile.source.Location location) {
    return request.source().map().location(location.spans());
  }

  /** The text that a step was made from. */
  static ConstraintsOption command(String text) {
    return Llb.description(Map.of("com.docker.dockerfile.v1.command", text));
  }

  /** Names a step that nobody wrote. */
  static ConstraintsOption internal(String name) {
    return Llb.customName("[internal] " + name);
  }
}
