package dev.buildd.session.content;

import io.grpc.Metadata;

/** How stores are told apart (wire.md section 4.4). */
final class ContentStores {
  static final Metadata.Key<String> STORE =
      Metadata.Key.of("buildkit-attachable-store-id", Metadata.ASCII_STRING_MARSHALLER);

  static final int CHUNK = 1 << 20;

  private ContentStores() {}
}
