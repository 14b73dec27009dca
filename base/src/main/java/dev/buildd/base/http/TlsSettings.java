package dev.buildd.base.http;

import java.nio.file.Path;
import java.util.List;

/**
 * Whom to trust and who to be.
 *
 * @param insecure whether to take any certificate
 * @param rootCas PEM files with authorities trusted besides the system's
 * @param keyPairs client certificates
 */
public record TlsSettings(boolean insecure, List<Path> rootCas, List<KeyPair> keyPairs) {
  /** PEM files of a private key and its certificate. */
  public record KeyPair(Path key, Path certificate) {}

  public TlsSettings {
    rootCas = List.copyOf(rootCas);
    keyPairs = List.copyOf(keyPairs);
  }

  public boolean isDefault() {
    return !insecure && rootCas.isEmpty() && keyPairs.isEmpty();
  }
}
