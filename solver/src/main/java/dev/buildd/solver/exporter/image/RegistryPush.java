package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.LazyBlobs;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.Push;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.solver.graph.VertexProgress;
import java.io.InputStream;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** Pushes what is in the content store and lets users see how far it is. */
public final class RegistryPush {
  private RegistryPush() {}

  /**
   * @param blobs know where else the registry has a layer
   * @param lazy the layers that are not in the content store
   * @param reference where to; without a tag, the root is known by its digest alone
   */
  public static void push(
      RegistryClient registries,
      ImageReference reference,
      CredentialSource credentials,
      boolean insecure,
      ContentStore content,
      LayerBlobs blobs,
      LazyBlobs lazy,
      Descriptor root,
      VertexProgress progress)
      throws Exception {
    Map<Digest, VertexProgress.Part> parts = new ConcurrentHashMap<>();
    Push upload =
        registries.push(
            reference,
            credentials,
            insecure,
            new Push.Content() {
              @Override
              public void bring(Digest digest) throws Exception {
                lazy.fetch(digest);
              }

              @Override
              public InputStream read(Digest digest) {
                return content.read(digest, 0);
              }

              @Override
              public byte[] readAll(Digest digest) {
                return content.readAll(digest);
              }

              @Override
              public Optional<String> origin(Digest digest, String host) {
                return blobs.repository(digest, host);
              }
            },
            (digest, done, size) -> {
              VertexProgress.Part part =
                  parts.computeIfAbsent(digest, d -> progress.part("pushing " + d));
              part.update("", done, size);
              if (done == size) {
                part.close();
              }
            });
    try (VertexProgress.Part part = progress.part("pushing layers")) {
      upload.blobs(root);
      // the next repository of this registry can take them from there
      for (Digest blob : parts.keySet()) {
        blobs.noteRepository(blob, reference.host(), reference.path());
      }
      part.update("", 0, 0);
    } finally {
      parts.values().forEach(VertexProgress.Part::close);
    }
    boolean byDigest = reference.tag().isEmpty();
    try (VertexProgress.Part part =
        progress.part(
            "pushing manifest for "
                + (byDigest ? reference.name() : reference.withDigest(root.digest())))) {
      upload.manifests(root, byDigest);
      part.update("", 0, 0);
    }
  }
}
