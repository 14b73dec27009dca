package dev.buildd.registry.auth;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.Token;
import dev.buildd.base.http.TokenServer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The {@code Authorization} header for one repository at one endpoint: HTTP basic, or a bearer
 * token from where the registry says (distribution-spec, token authentication), fetched by the user
 * where he does that and with his credentials else.
 */
public final class Authorization {
  private static final Pattern PARAMETER =
      Pattern.compile("([a-zA-Z_-]+)=(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([^\\s,\"]+))");

  /**
   * Who asks for it.
   *
   * @param host as the credential source knows it
   * @param isEncrypted whether what is sent there is
   * @param isMirror whether it stands in for another registry, so that its names may be its own
   * @param client reaches it, and whoever makes its tokens
   */
  public record Peer(String host, boolean isEncrypted, boolean isMirror, HttpClient client) {}

  private final Peer peer;
  private final CredentialSource source;
  private final TokenCache tokens;
  private final Semaphore answering = new Semaphore(1);
  private Scopes scopes; // guarded by this
  private @Nullable Answer current; // guarded by this

  /** A header, and how there came to be one. */
  private record Answer(String header, Optional<Token> token, List<String> challenges) {
    static Answer of(Token token, List<String> challenges) {
      return new Answer("Bearer " + token.value(), Optional.of(token), challenges);
    }
  }

  public Authorization(Peer peer, CredentialSource source, TokenCache tokens, Scopes scopes) {
    this.peer = peer;
    this.source = source;
    this.tokens = tokens;
    this.scopes = scopes;
  }

  /** The header, once the registry has asked for one. */
  public Optional<String> header() throws Exception {
    Answer known = current();
    if (known == null) {
      return Optional.empty();
    }
    if (known.token.isPresent() && tokens.isOver(known.token.get())) {
      answer(known.challenges, Optional.of(known.header));
      known = current();
    }
    return Optional.ofNullable(known).map(Answer::header);
  }

  private synchronized @Nullable Answer current() {
    return current;
  }

  /**
   * Answers a refusal.
   *
   * @return whether there is anything new to try
   */
  public boolean answer(List<String> challenges, Optional<String> tried) throws Exception {
    answering.acquire(); // many requests are refused at once, and one answer serves them all
    try {
      Answer meanwhile = current();
      if (meanwhile != null && !Optional.of(meanwhile.header).equals(tried)) {
        return true;
      }
      Optional<Answer> found = find(List.copyOf(challenges), tried);
      synchronized (this) {
        current = found.orElse(null);
      }
      return found.isPresent() && !Optional.of(found.get().header).equals(tried);
    } finally {
      answering.release();
    }
  }

  private Optional<Answer> find(List<String> challenges, Optional<String> tried) throws Exception {
    for (String challenge : challenges) {
      if (isOf("bearer", challenge)) {
        return Optional.of(Answer.of(token(parameters(challenge), tried), challenges));
      }
    }
    if (challenges.stream().noneMatch(challenge -> isOf("basic", challenge))) {
      return Optional.empty();
    }
    return source
        .credentials(peer.host())
        .map(known -> new Answer(basic(known), Optional.empty(), challenges));
  }

  private static boolean isOf(String kind, String challenge) {
    return challenge.split(" ", 2)[0].toLowerCase(Locale.ROOT).equals(kind);
  }

  private static String basic(Credentials credentials) {
    String text = credentials.username() + ":" + credentials.secret();
    return "Basic " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  static Map<String, String> parameters(String challenge) {
    Map<String, String> out = new HashMap<>();
    Matcher matcher = PARAMETER.matcher(challenge);
    while (matcher.find()) {
      String value = matcher.group(2) == null ? matcher.group(3) : matcher.group(2);
      out.put(matcher.group(1).toLowerCase(Locale.ROOT), value.replaceAll("\\\\(.)", "$1"));
    }
    return out;
  }

  private Token token(Map<String, String> challenge, Optional<String> tried) throws Exception {
    String realm = challenge.getOrDefault("realm", "");
    String service = challenge.getOrDefault("service", "");
    Scopes wanted = wanted(challenge.getOrDefault("scope", ""));
    Token token = token(realm, service, wanted, tried);
    synchronized (this) {
      scopes = wanted; // what was refused is not asked for along with what comes next
    }
    return token;
  }

  private Token token(String realm, String service, Scopes wanted, Optional<String> tried)
      throws Exception {
    try {
      Optional<CredentialSource.TokenFetcher> fetcher = source.tokens(peer.host());
      if (fetcher.isPresent()) {
        refuseInTheClear(realm);
        return ofUser(fetcher.get(), realm, service, wanted, tried);
      }
      Optional<Credentials> credentials = source.credentials(peer.host());
      if (credentials.isPresent()) {
        refuseInTheClear(realm);
      }
      return new TokenServer(peer.client(), tokens.clock())
          .fetch(
              new TokenServer.Request(realm, service, wanted.all()),
              credentials
                  .map(known -> new TokenServer.User(known.username(), known.secret()))
                  .orElse(TokenServer.User.ANONYMOUS),
              TokenServer.First.GET);
    } catch (BuildException e) {
      throw new BuildException(e.category(), "failed to authorize: " + e.getMessage(), e);
    }
  }

  private void refuseInTheClear(String realm) {
    if (peer.isEncrypted() && realm.regionMatches(true, 0, "http:", 0, 5)) {
      throw new BuildException(
          Category.PERMISSION_DENIED, "registry asks to send credentials in the clear");
    }
  }

  private Token ofUser(
      CredentialSource.TokenFetcher fetcher,
      String realm,
      String service,
      Scopes wanted,
      Optional<String> tried)
      throws Exception {
    TokenCache.Key key = new TokenCache.Key(fetcher.user(), peer.host(), realm, service, wanted);
    Optional<Token> known = tokens.find(key);
    if (known.isPresent() && !tried.equals(Optional.of("Bearer " + known.get().value()))) {
      return known.get();
    }
    known.ifPresent(refused -> tokens.remove(key, refused));
    Token token = fetcher.fetch(realm, service, wanted.all());
    tokens.put(key, token);
    return token;
  }

  /**
   * What the next token is for: never less than the last, or two requests that want different
   * things would go on taking each other's token away.
   */
  private synchronized Scopes wanted(String asked) {
    if (asked.isEmpty()) {
      return scopes;
    }
    // a mirror has names of its own
    boolean renamed = peer.isMirror() && current == null;
    return renamed ? Scopes.parse(asked) : scopes.and(Scopes.parse(asked));
  }
}
