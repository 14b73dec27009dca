package dev.buildd.cache;

import dev.buildd.base.error.BuildException;
import dev.buildd.snapshot.Mount;
import java.util.List;

/**
 * Brings layers that are known but not here, on behalf of somebody: a hold on a lazy ref has one.
 *
 * <p>Safe for use by many threads.
 */
public interface LayerProvider {
  /** For holds on refs whose files are here, or are not going to be used. */
  LayerProvider NONE =
      new LayerProvider() {
        @Override
        public boolean has(LayerBlob layer) {
          return false;
        }

        @Override
        public AutoCloseable fetch(LayerBlob layer) {
          throw BuildException.notFound(
              "layer " + layer.descriptor().digest() + " is not here, nor known where to be had");
        }

        @Override
        public void unpack(LayerBlob layer, List<Mount> into) {
          throw new IllegalStateException("nothing was fetched");
        }
      };

  /** Whether the blob can be had, or is here already. */
  boolean has(LayerBlob layer) throws Exception;

  /** Brings the blob into the content store; it stays at least until that is closed. */
  AutoCloseable fetch(LayerBlob layer) throws Exception;

  /** Unpacks a fetched blob over what the layer lies on, into a writable snapshot. */
  void unpack(LayerBlob layer, List<Mount> into) throws Exception;

  /** Of several the first that can bring anything at all. */
  static LayerProvider anyOf(List<LayerProvider> providers) {
    return providers.stream().filter(one -> one != NONE).findFirst().orElse(NONE);
  }
}
