package dev.buildd.frontend.dockerfile;

import dev.buildd.base.error.BuildException;
import dev.buildd.frontend.dockerfile.context.DockerfileSource;
import dev.buildd.frontend.dockerfile.lex.Directives;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.frontend.dockerfile.source.Texts;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Definition;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Hands the build on to the frontend that the Dockerfile names (section 9.1). */
final class SyntaxForwarding {
  private static final String SYNTAX = "build-arg:BUILDKIT_SYNTAX";

  private final GatewayClient client;
  private final FrontendOptions options;

  SyntaxForwarding(GatewayClient client, FrontendOptions options) {
    this.client = client;
    this.options = options;
  }

  /** What the other frontend makes; empty if none is named. */
  Optional<Result> forward(DockerfileSource source) throws InterruptedException {
    if (options.get("cmdline").isPresent()) {
      return Optional.empty(); // we are the one it was handed on to
    }
    Optional<String> named = options.get(SYNTAX);
    if (named.isPresent()) {
      return Optional.of(byOption(named.get()));
    }
    Optional<Directives.Directive> directive = Directives.syntax(source.text());
    return directive.isPresent()
        ? Optional.of(byDirective(directive.get(), source))
        : Optional.empty();
  }

  private Result byOption(String text) throws InterruptedException {
    String trimmed = Texts.trim(text);
    int blank = trimmed.indexOf(' ');
    try {
      return forward(blank < 0 ? trimmed : trimmed.substring(0, blank), text);
    } catch (BuildException e) {
      if (isLocated(e)) {
        throw e;
      }
      throw new SolveException(
          e.category(),
          "failed with " + SYNTAX + " = " + text + ": " + e.getMessage(),
          SolveException.Where.UNKNOWN,
          e);
    }
  }

  private Result byDirective(Directives.Directive directive, DockerfileSource source)
      throws InterruptedException {
    try {
      return forward(directive.word(), directive.value());
    } catch (BuildException e) {
      if (isLocated(e)) {
        throw e;
      }
      throw new SolveException(
          e.category(),
          String.valueOf(e.getMessage()),
          SolveException.Where.at(source.place(directive.location())),
          e);
    }
  }

  private static boolean isLocated(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof SolveException solve && !solve.places().isEmpty()) {
        return true;
      }
    }
    return false;
  }

  private Result forward(String image, String commandLine) throws InterruptedException {
    Map<String, String> all = new HashMap<>(options.all());
    all.put("cmdline", commandLine);
    all.put("source", image);
    Map<String, Definition> inputs =
        client.frontendCaps().contains("frontend.inputs") ? client.inputs() : Map.of();
    return client.solve(
        new GatewayClient.Request(Optional.empty(), "gateway.v0", all, inputs, List.of(), false));
  }
}
