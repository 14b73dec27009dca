package dev.buildd.daemon.build;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.text.GoBool;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What requests ask for and this daemon cannot do yet, as far as a build without it would be less
 * than what was asked for: such a build is refused by the name of the thing. What makes a build
 * slower or plainer when it is passed over is not refused.
 */
public final class Refusals {
  private static final String ATTESTATION = "attest:";

  /**
   * What buildx sends where its user says nothing: he did not ask for it, and with {@code
   * inline-only} it is left out of results that have no place for it.
   */
  private static final Map<String, String> UNASKED = Map.of("mode", "min", "inline-only", "true");

  private Refusals() {}

  /** Refuses what a build asks for as a whole. */
  static void check(BuildRequest request) {
    if (request.policies().given()) {
      throw unsupported("source policies (SourcePolicy) are");
    }
    if (!request.policies().session().isEmpty()) {
      throw unsupported("source policies decided by a session (SourcePolicySession) are");
    }
    if (request.policies().proxyNetwork()) {
      throw unsupported("the proxy network (ProxyNetwork) is");
    }
    request
        .attributes()
        .forEach((name, value) -> {
          if (name.startsWith(ATTESTATION)) {
            attestation(name.substring(ATTESTATION.length()), value);
          }
        });
  }

  /** Refuses policies that come with one question of a frontend. */
  public static void checkPolicies(List<?> policies) {
    if (!policies.isEmpty()) {
      throw unsupported("source policies (SourcePolicies) are");
    }
  }

  private static void attestation(String type, String value) {
    Map<String, String> attributes = new LinkedHashMap<>();
    for (String field : value.split(",", -1)) {
      int equals = field.indexOf('=');
      if (equals > 0) {
        attributes.put(field.substring(0, equals), field.substring(equals + 1));
      }
    }
    if (!GoBool.isTrue(attributes.getOrDefault("disabled", "")) && !attributes.equals(UNASKED)) {
      throw unsupported("attestations of type " + type + " (" + ATTESTATION + type + ") are");
    }
  }

  /** The refusal of attestations that a frontend gives along with its result. */
  static BuildException ofAttestedResult() {
    return unsupported("attestations of a frontend's result are");
  }

  private static BuildException unsupported(String what) {
    return new BuildException(Category.UNIMPLEMENTED, what + " not supported by this daemon yet");
  }
}
