package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.llb.ImageName;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Filesystems that take the place of images and stages of a name (sections 4.6 and 5.4). */
public final class NamedContexts {
  private static final String LATEST = ":latest";

  private final FrontendOptions options;
  private final GatewayClient client;
  private final Images images;

  public NamedContexts(FrontendOptions options, GatewayClient client, Images images) {
    this.options = options;
    this.client = client;
    this.images = images;
  }

  /**
   * What is given for a name.
   *
   * @param platform for which; the host's if empty
   * @param usedPaths of a client's directory, asked for when it is written down; none for all
   */
  public Optional<NamedContext> find(
      String name, Optional<Platform> platform, Supplier<List<String>> usedPaths) {
    String key = key(name);
    String wanted = platform.orElseGet(Platform::host).normalized().format();
    for (String full : List.of(key + "::" + wanted, key)) {
      Optional<String> value = options.get("context:" + full);
      if (value.isPresent()) {
        return Optional.of(
            new NamedContext(
                new NamedContext.Environment(options, client, images),
                new NamedContext.Subject(key, full, value.get()),
                platform,
                usedPaths));
      }
    }
    return Optional.empty();
  }

  private static String key(String name) {
    String familiar;
    try {
      familiar = ImageName.parse(name).familiar();
    } catch (BuildException e) {
      throw new DockerfileException(
          "invalid context name " + name + ": " + e.getMessage(), List.of(), e);
    }
    return familiar.endsWith(LATEST)
        ? familiar.substring(0, familiar.length() - LATEST.length())
        : familiar;
  }
}
