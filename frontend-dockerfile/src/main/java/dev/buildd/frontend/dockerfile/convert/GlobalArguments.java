package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.expand.Expansion;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.instruction.Arg;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The variables that hold for FROM, and that stages may ask for (section 2.3).
 *
 * @param variables those that are set
 * @param declared what ARGs say of them, those that are not set too
 */
record GlobalArguments(Variables variables, Map<String, OutlineNotes.Argument> declared) {
  /** Those that every build has: of its platforms, and of the stage that it makes. */
  static Variables predefined(Platforms platforms, String stage, Map<String, String> overrides) {
    Variables out = new Variables();
    Platform build = platforms.build();
    Platform target = platforms.target();
    Map<String, String> values = new LinkedHashMap<>();
    values.put(
        "BUILDPLATFORM",
        new Platform(build.os(), build.architecture(), build.variant(), "", List.of()).format());
    values.put("BUILDOS", build.os());
    values.put("BUILDOSVERSION", build.osVersion());
    values.put("BUILDARCH", build.architecture());
    values.put("BUILDVARIANT", build.variant());
    values.put("TARGETPLATFORM", target.format());
    values.put("TARGETOS", target.os());
    values.put("TARGETOSVERSION", target.osVersion());
    values.put("TARGETARCH", target.architecture());
    values.put("TARGETVARIANT", target.variant());
    values.put("TARGETSTAGE", stage.isEmpty() ? "default" : stage);
    values.forEach((name, value) -> out.set(name, overrides.getOrDefault(name, value)));
    return out;
  }

  /**
   * Adds those that the Dockerfile declares before its first stage.
   *
   * @param overrides what the build says they are
   * @throws DockerfileException located at an ARG whose default cannot be expanded
   */
  static GlobalArguments of(
      Variables predefined, List<Arg> arguments, Map<String, String> overrides, int escape) {
    Variables variables = predefined.copy();
    Map<String, OutlineNotes.Argument> declared = new LinkedHashMap<>();
    WordLexer lexer = WordLexer.of(escape);
    for (Arg arg : arguments) {
      for (Arg.Variable variable : arg.variables()) {
        String name = variable.key();
        Optional<String> value = Optional.ofNullable(overrides.get(name));
        Set<String> uses = Set.of();
        if (value.isEmpty() && variable.value().isPresent()) {
          Expansion expansion = expand(lexer, variable.value().get(), variables, arg);
          value = Optional.of(expansion.text());
          uses = uses(name, expansion.used(), declared);
        }
        value.ifPresent(text -> variables.set(name, text));
        declared.put(
            name,
            new OutlineNotes.Argument(
                name,
                arg.origin().description(name).orElse(""),
                value,
                uses,
                arg.origin().location()));
      }
    }
    return new GlobalArguments(variables, declared);
  }

  private static Expansion expand(WordLexer lexer, String value, Variables variables, Arg arg) {
    try {
      return lexer.expand(value, variables);
    } catch (DockerfileException e) {
      throw e.at(arg.origin().location());
    }
  }

  /** What a variable is made of: if of its own earlier value, what that was made of. */
  private static Set<String> uses(
      String name, Set<String> used, Map<String, OutlineNotes.Argument> declared) {
    Set<String> out = new LinkedHashSet<>(used);
    if (out.remove(name)) {
      OutlineNotes.Argument earlier = declared.get(name);
      if (earlier != null) {
        out.addAll(earlier.uses());
      }
    }
    return out;
  }
}
