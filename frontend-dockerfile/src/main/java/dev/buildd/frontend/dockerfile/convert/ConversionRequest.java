package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.context.DockerfileSource;
import dev.buildd.frontend.dockerfile.context.Images;
import dev.buildd.frontend.dockerfile.context.MainContext;
import dev.buildd.frontend.dockerfile.context.NamedContexts;
import dev.buildd.frontend.dockerfile.lint.LintSink;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.gateway.GatewayClient;
import java.util.Optional;

/**
 * What is to be converted.
 *
 * @param target the platform of the result; empty if nobody asked for one
 * @param allStages whether stages are converted that nothing needs, to see what is wrong with them
 */
public record ConversionRequest(
    DockerfileSource source,
    FrontendOptions options,
    Origins origins,
    LintSink warnings,
    Optional<Platform> target,
    boolean allStages) {
  /** Where everything else comes from. */
  public record Origins(
      GatewayClient client, MainContext context, NamedContexts named, Images images) {}

  public ConversionRequest withWarnings(LintSink other) {
    return new ConversionRequest(source, options, origins, other, target, allStages);
  }

  public ConversionRequest withTarget(Optional<Platform> platform) {
    return new ConversionRequest(source, options, origins, warnings, platform, allStages);
  }

  public ConversionRequest withAllStages(boolean all) {
    return new ConversionRequest(source, options, origins, warnings, target, all);
  }
}
