package dev.buildd.frontend.dockerfile.context;

import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.ImageMetaResolver;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Configurations of images. Each is asked for once in a build, however many platforms want it. */
public final class Images {
  private static final String RESOLVER_CAP = "source.metaresolver";
  private static final String IMAGE = "docker-image://";

  private final GatewayClient client;
  private final ConcurrentMap<ImageRequest, FutureTask<Found>> asked = new ConcurrentHashMap<>();

  public Images(GatewayClient client) {
    this.client = client;
  }

  /** What an image's name stands for. */
  public sealed interface Found {
    /**
     * An image.
     *
     * @param reference perhaps changed by a policy
     * @param digest empty if not known
     */
    record Image(String reference, String digest, byte[] config) implements Found {}

    /** A policy made another kind of source of it. */
    record Other(String identifier) implements Found {}
  }

  /** Asks for a configuration, and remembers the answer, be it a failure. */
  public Found find(ImageRequest request) throws InterruptedException {
    FutureTask<Found> ours = new FutureTask<>(() -> ask(request));
    FutureTask<Found> first = asked.putIfAbsent(request, ours);
    if (first == null) {
      ours.run();
    }
    try {
      return (first == null ? ours : first).get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException failure -> throw failure;
        case Error failure -> throw failure;
        case InterruptedException failure -> throw failure;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }

  private Found ask(ImageRequest request) throws InterruptedException {
    if (!client.frontendCaps().contains(RESOLVER_CAP)) {
      ImageMetaResolver.Resolved found = client.resolveImageConfig(request);
      return new Found.Image(found.reference(), found.digest(), found.config());
    }
    Map<String, String> attributes =
        request
            .layout()
            .map(layout -> Map.of("oci.session", layout.session(), "oci.store", layout.store()))
            .orElse(Map.of());
    String scheme = request.layout().isPresent() ? "oci-layout://" : IMAGE;
    SourceMeta found =
        client.resolveSourceMeta(
            new SourceMetaRequest(
                scheme + request.reference(),
                attributes,
                request.platform(),
                request.logName(),
                request.mode(),
                SourceMetaRequest.Image.CONFIG,
                false,
                Optional.empty()));
    if (!found.identifier().startsWith(scheme) || found.image().isEmpty()) {
      return new Found.Other(found.identifier());
    }
    return new Found.Image(
        found.identifier().substring(scheme.length()),
        found.image().get().digest(),
        found.image().get().config());
  }
}
