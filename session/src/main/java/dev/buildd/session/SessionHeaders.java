package dev.buildd.session;

import static io.grpc.Metadata.ASCII_STRING_MARSHALLER;

import io.grpc.Metadata;

/** The metadata with which a client opens its session (wire.md section 3). */
final class SessionHeaders {
  static final Metadata.Key<String> ID = key("x-docker-expose-session-uuid");
  static final Metadata.Key<String> NAME = key("x-docker-expose-session-name");
  static final Metadata.Key<String> SHARED_KEY = key("x-docker-expose-session-sharedkey");
  static final Metadata.Key<String> METHOD = key("x-docker-expose-session-grpc-method");
  static final Metadata.Key<String> HEALTH_TIMEOUT =
      key("x-buildkit-session-health-custom-timeout");

  private SessionHeaders() {}

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, ASCII_STRING_MARSHALLER);
  }
}
