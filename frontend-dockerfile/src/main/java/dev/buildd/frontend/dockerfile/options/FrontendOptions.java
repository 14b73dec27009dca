package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.content.Platform;
import dev.buildd.base.json.Json;
import dev.buildd.base.text.GoBool;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.ResolveMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The options of a build, checked (section 5.1).
 *
 * @param all as they were given
 * @param buildPlatform on which steps run that are not told otherwise
 * @param targetPlatforms normalized; empty if nobody asked for any
 * @param multiPlatform whether the result is one by platform
 * @param target the stage to build; empty for the last
 * @param checks which rules count; empty if the Dockerfile says
 */
public record FrontendOptions(
    Map<String, String> all,
    SortedMap<String, String> buildArgs,
    SortedMap<String, String> labels,
    Platform buildPlatform,
    List<Platform> targetPlatforms,
    boolean multiPlatform,
    ResolveMode imageResolveMode,
    String target,
    NoCache noCache,
    RunDefaults run,
    List<CacheEntry> cacheImports,
    Optional<SbomScan> sbom,
    Optional<LintOptions> checks) {
  private static final String BUILD_ARG = "build-arg:";
  private static final String LABEL = "label:";
  private static final String CHECKS = "build-arg:BUILDKIT_DOCKERFILE_CHECK";
  private static final String FILE_CAP = "file.base";

  public FrontendOptions {
    targetPlatforms = List.copyOf(targetPlatforms);
    cacheImports = List.copyOf(cacheImports);
  }

  /**
   * Reads the options of whoever asks for a build.
   *
   * @throws DockerfileException with the reference's text
   */
  public static FrontendOptions of(GatewayClient client) {
    Map<String, String> options = client.options();
    refuseWhatIsGone(client);
    List<Platform> targets = targets(options.getOrDefault("platform", ""));
    ResolveMode mode = resolveMode(options.getOrDefault("image-resolve-mode", ""));
    RunDefaults run = RunDefaults.parse(options);
    return new FrontendOptions(
        options,
        withoutPrefix(options, BUILD_ARG),
        withoutPrefix(options, LABEL),
        client.workers().stream()
            .findFirst()
            .map(WorkerInfo::platforms)
            .flatMap(platforms -> platforms.stream().findFirst())
            .orElseGet(() -> Platform.host().normalized()),
        targets,
        multiPlatform(options, targets.size() > 1),
        mode,
        options.getOrDefault("target", ""),
        NoCache.parse(options),
        run,
        cacheImports(options),
        SbomScan.parse(options),
        Optional.ofNullable(options.get(CHECKS))
            .map(text -> Wrapped.in("failed to parse " + CHECKS, () -> LintOptions.parse(text))));
  }

  private static void refuseWhatIsGone(GatewayClient client) {
    Map<String, String> options = client.options();
    if (!client.llbCaps().contains(FILE_CAP)) {
      throw new DockerfileException(
          "needs BuildKit 0.5 or later: requested capability " + FILE_CAP + " is not supported");
    }
    if (!options.getOrDefault("override-copy-image", "").isEmpty()) {
      throw new DockerfileException(
          "support for \"override-copy-image\" was removed in BuildKit 0.11");
    }
    if (GoBool.isTrue(options.getOrDefault("build-arg:BUILDKIT_DISABLE_FILEOP", ""))) {
      throw new DockerfileException(
          "support for \"BUILDKIT_DISABLE_FILEOP\" build-arg was removed in BuildKit 0.11");
    }
  }

  private static List<Platform> targets(String text) {
    if (text.isEmpty()) {
      return List.of();
    }
    return Arrays.stream(text.split(",", -1))
        .map(part ->
            Wrapped.in(
                "failed to parse target platform " + part,
                () -> PlatformSpecifier.parse(part).normalized()))
        .toList();
  }

  private static ResolveMode resolveMode(String text) {
    for (ResolveMode mode : ResolveMode.values()) {
      if (mode.text().equals(text)) {
        return mode;
      }
    }
    if (text.isEmpty()) {
      return ResolveMode.DEFAULT;
    }
    throw new DockerfileException("invalid image-resolve-mode: " + text);
  }

  private static boolean multiPlatform(Map<String, String> options, boolean several) {
    String argument = options.getOrDefault("build-arg:BUILDKIT_MULTI_PLATFORM", "");
    String text = argument.isEmpty() ? options.getOrDefault("multi-platform", "") : argument;
    if (text.isEmpty()) {
      return several;
    }
    boolean wanted =
        GoBool.parse(text)
            .orElseThrow(
                () -> new DockerfileException("invalid boolean value for multi-platform: " + text));
    if (!wanted && several) {
      throw new DockerfileException(
          "conflicting config: returning multiple target platforms is not allowed");
    }
    return wanted;
  }

  private static List<CacheEntry> cacheImports(Map<String, String> options) {
    List<CacheEntry> out = new ArrayList<>();
    String imports = options.getOrDefault("cache-imports", "");
    if (!imports.isEmpty()) {
      Wrapped.in(
              "failed to unmarshal cache-imports (" + GoQuote.of(imports) + ")",
              () ->
                  Json.objects(
                      Json.parseObject(
                          ("{\"list\":" + imports + "}").getBytes(StandardCharsets.UTF_8),
                          "cache imports"),
                      "list"))
          .forEach(entry ->
              out.add(new CacheEntry(Json.text(entry, "Type"), Json.textMap(entry, "Attrs"))));
    }
    String references = options.getOrDefault("cache-from", "");
    if (!references.isEmpty()) {
      for (String reference : references.split(",", -1)) {
        out.add(new CacheEntry("registry", Map.of("ref", reference)));
      }
    }
    return out;
  }

  private static SortedMap<String, String> withoutPrefix(
      Map<String, String> options, String prefix) {
    SortedMap<String, String> out = new TreeMap<>();
    options.forEach((key, value) -> {
      if (key.startsWith(prefix)) {
        out.put(key.substring(prefix.length()), value);
      }
    });
    return out;
  }

  /** An option; empty if it was not given. */
  public Optional<String> get(String key) {
    return Optional.ofNullable(all.get(key));
  }

  public Optional<String> buildArg(String name) {
    return Optional.ofNullable(buildArgs.get(name));
  }

  /**
   * The session that offers a local source: the build's, unless another is named for it.
   *
   * @param local the name of the source
   */
  public String sessionOf(String local, String buildSession) {
    return all.getOrDefault("local-sessionid:" + local, buildSession);
  }
}
