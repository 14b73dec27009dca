package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.session.content.RemoteContent;
import dev.buildd.snapshot.content.ContentStore;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** Copies images and caches into a client's store, what a document names before the document. */
public final class ClientCopy {
  private ClientCopy() {}

  public static void copy(ContentStore from, RemoteContent to, Descriptor root) throws Exception {
    if (MediaType.isIndex(root.mediaType()) || MediaType.isManifest(root.mediaType())) {
      ImageManifest manifest =
          ImageManifest.parse(from.readAll(root.digest()), "manifest " + root.digest());
      List<Descriptor> parts = new ArrayList<>(manifest.layers());
      manifest.config().ifPresent(parts::add);
      parts.addAll(manifest.manifests());
      for (Descriptor part : parts) {
        copy(from, to, part);
      }
    }
    try (InputStream in = from.read(root.digest(), 0)) {
      to.write(root.digest(), root.size(), in);
    }
  }
}
