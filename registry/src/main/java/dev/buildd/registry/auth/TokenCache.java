package dev.buildd.registry.auth;

import dev.buildd.base.http.Token;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Tokens that users fetched, for the same users, as long as they are good. */
public final class TokenCache {
  private static final int MAX = 1000;
  private static final double MARGIN = 0.9; // so that none ends on its way

  private final Clock clock;
  private final Map<Key, Token> tokens = new LinkedHashMap<>(16, 0.75f, true) { // guarded by this
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Token> eldest) {
          return size() > MAX;
        }
      };

  public TokenCache(Clock clock) {
    this.clock = clock;
  }

  Clock clock() {
    return clock;
  }

  /** What a token is good for, and for whom. */
  record Key(String user, String host, String realm, String service, Scopes scopes) {}

  synchronized Optional<Token> find(Key key) {
    Token token = tokens.get(key);
    if (token != null && isOver(token)) {
      tokens.remove(key);
      return Optional.empty();
    }
    return Optional.ofNullable(token);
  }

  synchronized void put(Key key, Token token) {
    tokens.put(key, token);
  }

  synchronized void remove(Key key, Token token) {
    tokens.remove(key, token);
  }

  /** Whether to ask for another. */
  boolean isOver(Token token) {
    Duration life = Duration.between(token.issuedAt(), token.expiresAt());
    Instant end = token.issuedAt().plusMillis((long) (life.toMillis() * MARGIN));
    return !clock.instant().isBefore(end);
  }
}
