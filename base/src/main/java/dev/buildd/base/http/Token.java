package dev.buildd.base.http;

import java.time.Instant;

/** A bearer token. */
public record Token(String value, Instant issuedAt, Instant expiresAt) {
  @Override
  public String toString() {
    return "Token[expiresAt=" + expiresAt + "]"; // the value stays out of logs
  }
}
