package dev.buildd.registry.auth;

/**
 * What proves who we are to one registry. Without a user name the secret is an identity token
 * (OAuth 2 refresh token).
 */
public record Credentials(String username, String secret) {
  @Override
  public String toString() {
    return "Credentials[" + username + "]"; // the secret stays out of logs
  }
}
