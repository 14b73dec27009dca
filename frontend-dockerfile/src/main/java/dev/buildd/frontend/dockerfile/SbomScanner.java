package dev.buildd.frontend.dockerfile;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.context.Images;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.frontend.dockerfile.convert.Converted;
import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.frontend.dockerfile.image.ImageConfigJson;
import dev.buildd.frontend.dockerfile.options.SbomScan;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.Attestation;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.Llb;
import dev.buildd.llb.RunOption;
import dev.buildd.llb.State;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Runs a program that lists what is in the result (section 9.6). */
final class SbomScanner {
  private static final String CORE = "/run/src/core/sbom";
  private static final String EXTRAS = "/run/src/extras";
  private static final String OUT = "/run/out/";

  private final SbomScan scan;
  private final GatewayClient client;
  private final String reference;
  private final ImageConfig.Container container;
  private final Platform platform;

  private SbomScanner(
      SbomScan scan, ConversionRequest request, String reference, ImageConfig.Container container) {
    this.scan = scan;
    this.client = request.origins().client();
    this.platform = request.options().buildPlatform();
    this.reference = reference;
    this.container = container;
  }

  /** Asks for the scanner's image. */
  static SbomScanner find(SbomScan scan, ConversionRequest request) throws InterruptedException {
    Images.Found found =
        request
            .origins()
            .images()
            .find(
                new ImageRequest(
                    scan.generator(),
                    Optional.of(request.options().buildPlatform()),
                    request.options().imageResolveMode(),
                    "",
                    Optional.empty()));
    return switch (found) {
      case Images.Found.Image image -> {
        ImageConfig.Container container = ImageConfigJson.read(image.config()).container();
        if (container.entrypoint().isEmpty() && container.command().isEmpty()) {
          throw new DockerfileException("scanner " + image.reference() + " does not have cmd");
        }
        yield new SbomScanner(scan, request, image.reference(), container);
      }
      case Images.Found.Other other ->
          throw new DockerfileException("scanner is no image: " + other.identifier());
    };
  }

  /** Looks through a result, and whatever else was asked for. */
  Attestation scan(String name, Converted target) throws InterruptedException {
    List<String> args = new ArrayList<>(container.entrypoint());
    args.addAll(container.command());
    State scanner = Llb.image(reference, Llb.platform(platform));
    List<RunOption> options = new ArrayList<>();
    options.add(Llb.dir(container.workingDir()));
    options.add(Llb.args(args.toArray(String[]::new)));
    for (String entry : container.env()) {
      int equals = entry.indexOf('=');
      options.add(
          equals < 0
              ? Llb.addEnv(entry, "")
              : Llb.addEnv(entry.substring(0, equals), entry.substring(equals + 1)));
    }
    options.add(Llb.addEnv("BUILDKIT_SCAN_DESTINATION", OUT));
    options.add(Llb.addEnv("BUILDKIT_SCAN_SOURCE", CORE));
    if (!target.scanned().isEmpty()) {
      options.add(Llb.addEnv("BUILDKIT_SCAN_SOURCE_EXTRAS", EXTRAS));
    }
    scan.parameters()
        .forEach((key, value) -> options.add(Llb.addEnv("BUILDKIT_SCAN_" + key, value)));
    options.add(Llb.addMount("/tmp", Llb.scratch(), Llb.tmpfs(0)));
    options.add(Llb.customName("[" + name + "] generating sbom using " + reference));
    if (target.ignoresCache()) {
      options.add(Llb.ignoreCache());
    }
    ExecState run = scanner.run(options.toArray(RunOption[]::new));
    List<State> looked = written(target);
    run.addMount(CORE, looked.getFirst(), Llb.readonly());
    int next = 1;
    for (String extra : target.scanned().keySet()) {
      run.addMount(EXTRAS + "/sbom-" + extra, looked.get(next), Llb.readonly());
      next++;
    }
    State list = run.addMount(OUT, Llb.scratch());
    return attestation(client.solve(GatewayClient.Request.of(list.marshal())).single());
  }

  /** The result and the rest, written down as the build writes them; the scan is written anew. */
  private static List<State> written(Converted target) {
    List<Definition> definitions = new ArrayList<>();
    definitions.add(target.definition());
    target.scanned().values().forEach(state -> definitions.add(state.marshal(target.marshal())));
    return Llb.definitions(definitions);
  }

  private static Attestation attestation(Optional<Reference> list) {
    return new Attestation(
        Attestation.Kind.BUNDLE,
        Map.of("reason", bytes("sbom"), "sbom-core", bytes("sbom")),
        list,
        "",
        "https://spdx.dev/Document",
        List.of());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
