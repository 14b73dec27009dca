package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.Repository;
import dev.buildd.session.content.RemoteContent;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.util.Optional;
import java.util.function.LongConsumer;

/** Where an image, or a cache in the form of one, is read: its manifests, config and layers. */
public interface ImageOrigin extends LayerPuller.Origin {
  int MAX_MANIFEST = 4 << 20; // distribution-spec

  /** A manifest or an index, checked against its digest. */
  byte[] manifest(Digest digest) throws Exception;

  /**
   * The whole of a small blob, such as a config, checked against its digest.
   *
   * @param limit the size up to which it is small
   */
  default byte[] blob(Descriptor wanted, int limit) throws Exception {
    if (wanted.size() > limit) {
      throw BuildException.invalid(
          "blob " + wanted.digest() + " is too large (" + wanted.size() + " > " + limit + ")");
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    read(wanted, new Bounded(out, wanted.size()), n -> {});
    byte[] bytes = out.toByteArray();
    if (!wanted.digest().isOf(bytes)) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "unexpected content of blob " + wanted.digest());
    }
    return bytes;
  }

  /** A repository of a registry. */
  static ImageOrigin of(Repository repository) {
    return of(repository, Optional.of(repository.reference()));
  }

  /** The same, of a registry that only this reader may talk to in this way. */
  static ImageOrigin insecure(Repository repository) {
    return of(repository, Optional.empty());
  }

  private static ImageOrigin of(Repository repository, Optional<ImageReference> reference) {
    return new ImageOrigin() {
      @Override
      public byte[] manifest(Digest digest) throws Exception {
        return repository.manifest(digest);
      }

      @Override
      public void read(Descriptor blob, OutputStream to, LongConsumer progress) throws Exception {
        repository.blob(blob, to, progress);
      }

      @Override
      public boolean has(Descriptor blob) throws Exception {
        return !blob.urls().isEmpty() || repository.has(blob.digest());
      }

      @Override
      public String name() {
        return repository.reference().toString();
      }

      @Override
      public Optional<ImageReference> reference() {
        return reference;
      }
    };
  }

  /** A directory of a client. */
  static ImageOrigin of(RemoteContent store, String name) {
    return new ImageOrigin() {
      @Override
      public byte[] manifest(Digest digest) throws Exception {
        return blob(Descriptor.of("", digest, store.size(digest)), MAX_MANIFEST);
      }

      @Override
      public void read(Descriptor blob, OutputStream to, LongConsumer progress) throws Exception {
        store.read(blob.digest(), to, progress);
      }

      @Override
      public boolean has(Descriptor blob) {
        return store.has(blob.digest());
      }

      @Override
      public String name() {
        return name;
      }

      @Override
      public Optional<ImageReference> reference() {
        return Optional.empty();
      }
    };
  }
}
