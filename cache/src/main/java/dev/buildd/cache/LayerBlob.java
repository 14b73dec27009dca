package dev.buildd.cache;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.layer.Compression;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A layer as an archive in the content store.
 *
 * @param descriptor with an OCI or a Docker media type
 * @param diffId of the archive, uncompressed
 */
public record LayerBlob(Descriptor descriptor, Digest diffId) {

  public Compression compression() {
    return Compression.ofLayer(descriptor.mediaType());
  }

  byte[] toBytes() {
    Encoder out =
        new Encoder()
            .text(descriptor.mediaType())
            .text(descriptor.digest().toString())
            .number(descriptor.size())
            .text(diffId.toString())
            .texts(descriptor.urls())
            .number(descriptor.annotations().size());
    descriptor.annotations().forEach((key, value) -> out.text(key).text(value));
    return out.toBytes();
  }

  static LayerBlob of(byte[] bytes) {
    Decoder in = new Decoder(bytes);
    String mediaType = in.text();
    Digest digest = Digest.parse(in.text());
    long size = in.number();
    Digest diffId = Digest.parse(in.text());
    List<String> urls = in.texts();
    Map<String, String> annotations = new LinkedHashMap<>();
    for (long left = in.number(); left > 0; left--) {
      annotations.put(in.text(), in.text());
    }
    return new LayerBlob(
        new Descriptor(mediaType, digest, size, Optional.empty(), annotations, urls), diffId);
  }
}
