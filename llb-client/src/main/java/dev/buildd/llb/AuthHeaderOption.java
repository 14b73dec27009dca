package dev.buildd.llb;

/** Names the secret that holds an authorization header, for git as well as HTTP. */
public record AuthHeaderOption(String secret) implements GitOption, HttpOption {
  @Override
  public void applyTo(SourceSpec.Git git) {
    git.authHeaderSecret = secret;
    git.authCap = true;
  }

  @Override
  public void applyTo(SourceSpec.Http http) {
    http.authHeaderSecret = secret;
  }
}
