package dev.buildd.registry;

/** An answer of a registry with a status that ends the attempt. */
final class StatusException extends Exception {
  private static final long serialVersionUID = 1L;

  final int status;
  final long retryAfterSeconds;

  StatusException(int status, long retryAfterSeconds, String message) {
    super(message);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  boolean isPassing() {
    return status == 408 || status == 429 || status >= 500;
  }
}
