package dev.buildd.frontend.dockerfile;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.convert.Conversion;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.frontend.dockerfile.convert.Converted;
import dev.buildd.frontend.dockerfile.image.ImageConfigJson;
import dev.buildd.frontend.dockerfile.lint.LintSink;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Definition;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.Callable;

/** Builds a Dockerfile for each platform that is asked for, and puts the result together (4.7). */
final class PlatformBuilds {
  private static final String WINDOWS = "windows";

  private final ConversionRequest request;
  private final FrontendOptions options;
  private final GatewayClient client;

  PlatformBuilds(ConversionRequest request) {
    this.request = request;
    this.options = request.options();
    this.client = request.origins().client();
  }

  /**
   * What was built for one platform.
   *
   * @param id names the platform
   * @param platform as exporters are told
   */
  private record Built(
      String id, Platform platform, Converted converted, Optional<Reference> reference) {}

  Result build() throws Exception {
    Optional<SbomScanner> scanner =
        options.sbom().isPresent()
            ? Optional.of(SbomScanner.find(options.sbom().get(), request))
            : Optional.<SbomScanner>empty();
    List<Built> built = buildAll();
    Map<String, List<Attestation>> attestations = new LinkedHashMap<>();
    if (scanner.isPresent()) {
      List<Callable<Attestation>> scans = new ArrayList<>();
      for (Built each : built) {
        scans.add(() -> scanner.get().scan(each.id, each.converted));
      }
      List<Attestation> found = Scope.all("scan", scans);
      for (int i = 0; i < built.size(); i++) {
        attestations.put(built.get(i).id, List.of(found.get(i)));
      }
    }
    return result(built, attestations);
  }

  private List<Built> buildAll() throws Exception {
    if (options.targetPlatforms().isEmpty()) {
      return List.of(build(request));
    }
    List<Callable<Built>> work = new ArrayList<>();
    for (Platform platform : options.targetPlatforms()) {
      ConversionRequest one = request.withTarget(Optional.of(platform));
      // they would only say the same again
      ConversionRequest quiet = work.isEmpty() ? one : one.withWarnings(LintSink.NONE);
      work.add(() -> build(quiet));
    }
    return Scope.all("convert", work);
  }

  private Built build(ConversionRequest one) throws Exception {
    Converted converted = Conversion.run(one);
    Result solved =
        client.solve(
            new GatewayClient.Request(
                Optional.of(definition(converted)),
                "",
                Map.of(),
                Map.of(),
                options.cacheImports(),
                false));
    Platform platform = one.target().orElseGet(Platform::host).normalized();
    return new Built(
        platform.format(),
        exported(platform, converted.image().platform()),
        converted,
        solved.single());
  }

  private static Definition definition(Converted converted) {
    try {
      return converted.definition();
    } catch (BuildException e) {
      throw new DockerfileException(
          "failed to marshal LLB definition: " + e.getMessage(), List.of(), e);
    }
  }

  /** Versions of Windows are the image's to tell. */
  private static Platform exported(Platform platform, Platform image) {
    if (!platform.os().equals(WINDOWS) || !image.os().equals(WINDOWS)) {
      return platform;
    }
    return new Platform(
            WINDOWS,
            platform.architecture(),
            platform.variant(),
            platform.osVersion().isEmpty() ? image.osVersion() : platform.osVersion(),
            platform.osFeatures().isEmpty() ? image.osFeatures() : platform.osFeatures())
        .normalized();
  }

  private Result result(List<Built> built, Map<String, List<Attestation>> attestations) {
    Map<String, byte[]> metadata = new LinkedHashMap<>();
    Map<String, Optional<Reference>> byPlatform = new LinkedHashMap<>();
    for (Built each : built) {
      String suffix = options.multiPlatform() ? "/" + each.id : "";
      metadata.put("containerimage.config" + suffix, ImageConfigJson.write(each.converted.image()));
      each.converted
          .baseImage()
          .ifPresent(base ->
              metadata.put("containerimage.base.config" + suffix, ImageConfigJson.write(base)));
      each.converted
          .epoch()
          .ifPresent(time ->
              metadata.put(
                  "source.date.epoch" + suffix,
                  Long.toString(time.toEpochSecond()).getBytes(StandardCharsets.UTF_8)));
      byPlatform.put(each.id, each.reference);
    }
    metadata.put("refs.platforms", Json.bytes(Map.of("Platforms", platforms(built))));
    return options.multiPlatform()
        ? new Result(Optional.empty(), byPlatform, metadata, attestations)
        : new Result(built.getFirst().reference, Map.of(), metadata, attestations);
  }

  private static List<Object> platforms(List<Built> built) {
    List<Object> out = new ArrayList<>();
    for (Built each : built) {
      Platform platform = each.platform;
      SequencedMap<String, Object> members = new LinkedHashMap<>();
      members.put("architecture", platform.architecture());
      members.put("os", platform.os());
      if (!platform.osVersion().isEmpty()) {
        members.put("os.version", platform.osVersion());
      }
      if (!platform.osFeatures().isEmpty()) {
        members.put("os.features", platform.osFeatures());
      }
      if (!platform.variant().isEmpty()) {
        members.put("variant", platform.variant());
      }
      SequencedMap<String, Object> entry = new LinkedHashMap<>();
      entry.put("ID", each.id);
      entry.put("Platform", members);
      out.add(entry);
    }
    return out;
  }
}
