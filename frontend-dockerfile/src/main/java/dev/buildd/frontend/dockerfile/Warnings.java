package dev.buildd.frontend.dockerfile;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.frontend.dockerfile.context.DockerfileSource;
import dev.buildd.frontend.dockerfile.lint.LintSink;
import dev.buildd.frontend.dockerfile.lint.LintWarning;
import dev.buildd.gateway.GatewayClient;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** Tells whoever watches the build of what should be mended (section 7.2). */
final class Warnings implements LintSink {
  private final GatewayClient client;
  private final DockerfileSource source;

  Warnings(GatewayClient client, DockerfileSource source) {
    this.client = client;
    this.source = source;
  }

  @Override
  public void warn(LintWarning warning) {
    GatewayClient.Warning told =
        new GatewayClient.Warning(
            1,
            warning.text().getBytes(StandardCharsets.UTF_8),
            List.of(warning.rule().description().getBytes(StandardCharsets.UTF_8)),
            warning.rule().url(),
            Optional.of(source.info()),
            warning.location().spans());
    try {
      client.warn(source.vertex(), told);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BuildException(Category.CANCELED, "interrupted while warning", e);
    } catch (BuildException e) {
      if (e.category() == Category.CANCELED) {
        throw e;
      }
      // a daemon that takes no warnings can build all the same
    }
  }
}
