package dev.buildd.solver.gateway;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.ImageName;
import dev.buildd.llb.Llb;
import dev.buildd.llb.ResolveMode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The image of a frontend: its files, and what its configuration says of the process (dockerfile.md
 * section 9.3).
 *
 * @param digest of the image; empty if it is none that has one
 */
record FrontendImage(
    Reference files,
    Definition definition,
    String digest,
    List<String> entrypoint,
    List<String> env,
    String directory,
    Map<String, String> labels) {
  private static final String CONTEXT = "context:";
  private static final String IMAGE = "docker-image://";
  private static final String INPUT = "input:";

  /** Finds the image that is meant, which whoever asked for the build may have replaced. */
  static FrontendImage find(String source, GatewayClient client) throws Exception {
    Optional<String> replacement = replacement(source, client.options());
    if (replacement.isEmpty()) {
      return pull(source, client);
    }
    String context = replacement.get();
    if (context.startsWith(IMAGE)) {
      return pull(context.substring(IMAGE.length()), client);
    }
    if (context.startsWith(INPUT)) {
      return input(context.substring(INPUT.length()), client);
    }
    throw new BuildException(
        Category.UNIMPLEMENTED,
        "a frontend from the named context " + context + " is not supported by this daemon yet");
  }

  /** The named context that stands for an image's name, that of this platform before others. */
  private static Optional<String> replacement(String source, Map<String, String> options) {
    String name = familiar(ImageName.parse(source));
    for (String key : List.of(CONTEXT + name + "::" + Platform.host().format(), CONTEXT + name)) {
      String value = options.get(key);
      if (value != null) {
        return Optional.of(value);
      }
    }
    return Optional.empty();
  }

  /** As users write it. */
  private static String familiar(ImageName name) {
    String text = name.toString();
    for (String prefix : List.of("docker.io/library/", "docker.io/")) {
      if (text.startsWith(prefix)) {
        text = text.substring(prefix.length());
        break;
      }
    }
    return text.endsWith(":latest") ? text.substring(0, text.length() - ":latest".length()) : text;
  }

  private static FrontendImage pull(String source, GatewayClient client) throws Exception {
    ImageMetaResolver.Resolved found =
        client.resolveImageConfig(
            new ImageRequest(
                ImageName.parse(source).tagged().toString(),
                Optional.empty(),
                ResolveMode.DEFAULT,
                "",
                Optional.empty()));
    ImageName name = ImageName.parse(found.reference());
    Definition definition =
        Llb.image(
                found.digest().isEmpty()
                    ? name.toString()
                    : name.withDigest(found.digest()).toString(),
                Llb.markImageFrontend())
            .marshal();
    return of(solve(definition, client), definition, found.digest(), found.config());
  }

  private static FrontendImage input(String name, GatewayClient client) throws Exception {
    Definition definition = client.inputs().get(name);
    if (definition == null) {
      throw BuildException.unknown("invalid input " + name + " for a frontend", null);
    }
    String metadata = client.options().getOrDefault("input-metadata:" + name, "");
    byte[] config = "{}".getBytes(StandardCharsets.UTF_8);
    if (!metadata.isEmpty()) {
      Object encoded =
          Json.parseObject(metadata.getBytes(StandardCharsets.UTF_8), "metadata of input " + name)
              .get("containerimage.config");
      if (encoded instanceof String text) {
        config = Base64.getDecoder().decode(text);
      }
    }
    return of(solve(definition, client), definition, "", config);
  }

  private static Reference solve(Definition definition, GatewayClient client) throws Exception {
    return client
        .solve(GatewayClient.Request.of(definition))
        .single()
        .orElseThrow(
            () -> BuildException.unknown("gateway source didn't return default result", null));
  }

  private static FrontendImage of(
      Reference files, Definition definition, String digest, byte[] config) {
    Map<String, Object> image = Json.parseObject(config, "image configuration");
    Map<String, Object> process =
        image.get("config") instanceof Map<?, ?> ? Json.object(image, "config") : Map.of();
    return new FrontendImage(
        files,
        definition,
        digest,
        process.get("Entrypoint") instanceof List<?>
            ? Json.texts(process, "Entrypoint")
            : List.of(),
        process.get("Env") instanceof List<?> ? Json.texts(process, "Env") : List.of(),
        process.get("WorkingDir") instanceof String directory ? directory : "",
        process.get("Labels") instanceof Map<?, ?> ? Json.textMap(process, "Labels") : Map.of());
  }
}
