package dev.buildd.registry;

import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.registry.auth.Authorization;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.registry.auth.Scopes;
import dev.buildd.registry.auth.TokenCache;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Speaks to registries. Connections are shared; what a caller may do with whose credentials belongs
 * to a {@link Repository}, so that no token serves anybody but the user who asked for it.
 *
 * <p>Safe for use by many threads.
 */
public final class RegistryClient {
  private static final String HUB_HOST = "registry-1.docker.io";

  private volatile RegistrySettings settings;
  private final TokenCache tokens;
  private final Map<String, TransferSlots> slots = new ConcurrentHashMap<>(); // by registry
  private final Map<RegistrySettings.Host, HttpClient> clients = new ConcurrentHashMap<>();

  public RegistryClient(RegistrySettings settings) {
    this(settings, Clock.systemUTC());
  }

  public RegistryClient(RegistrySettings settings, Clock clock) {
    this.settings = settings;
    this.tokens = new TokenCache(clock);
  }

  /**
   * Reaches registries like this from now on; files of certificates are read again. How many blobs
   * a registry transfers at once stays as it was if the registry has been used.
   */
  public void use(RegistrySettings others) {
    settings = others;
    List<HttpClient> before = List.copyOf(clients.values());
    clients.clear();
    before.forEach(HttpClient::close); // it keeps no connection then, and goes on where it is used
  }

  /**
   * One place where a repository can be found.
   *
   * @param base without a trailing slash, for example {@code https://ghcr.io/v2}
   * @param host as the credential source knows it
   * @param mirrored the host for which a mirror stands in; empty for the registry itself
   */
  record Endpoint(String base, String host, Optional<String> mirrored, HttpClient client) {
    Authorization.Peer peer() {
      return new Authorization.Peer(host, base.startsWith("https:"), mirrored.isPresent(), client);
    }
  }

  /** Opens a repository for one use of it. */
  public Repository open(ImageReference reference, CredentialSource credentials) {
    return open(reference, credentials, false);
  }

  /**
   * Opens a repository for one use of it.
   *
   * @param insecure whether this registry may be reached in the clear or with any certificate,
   *     whatever the settings say
   */
  public Repository open(ImageReference reference, CredentialSource credentials, boolean insecure) {
    return new Repository(
        reference,
        new Endpoints(
            reference,
            endpoints(reference.host(), host(reference, insecure)),
            requests(credentials, reference, "pull")),
        slots(reference));
  }

  private RegistrySettings.Host host(ImageReference reference, boolean insecure) {
    RegistrySettings.Host own = settings.host(reference.host());
    return insecure
        ? new RegistrySettings.Host(
            Optional.of(true), true, List.of(), own.rootCas(), own.keyPairs())
        : own;
  }

  /**
   * Opens a repository to push to, for one use of it.
   *
   * @param insecure whether this registry may be reached in the clear or with any certificate,
   *     whatever the settings say
   */
  public Push push(
      ImageReference reference,
      CredentialSource credentials,
      boolean insecure,
      Push.Content content,
      Push.Listener listener) {
    List<Endpoint> endpoints =
        endpoints(reference.host(), host(reference, insecure)).stream()
            .filter(endpoint -> endpoint.mirrored().isEmpty())
            .toList();
    return new Push(
        reference,
        endpoints,
        requests(credentials, reference, "pull,push"),
        slots(reference),
        content,
        listener);
  }

  private TransferSlots slots(ImageReference reference) {
    return slots.computeIfAbsent(
        reference.host(), _ -> new TransferSlots(settings.maxConcurrency()));
  }

  private Requests requests(
      CredentialSource credentials, ImageReference reference, String actions) {
    Scopes scopes = Scopes.parse("repository:" + reference.path() + ":" + actions);
    return new Requests(credentials, settings, tokens, scopes);
  }

  private List<Endpoint> endpoints(String name, RegistrySettings.Host own) {
    List<Endpoint> out = new ArrayList<>();
    for (String mirror : own.mirrors()) {
      String text = mirror.replaceFirst("^https?://", "");
      int slash = text.indexOf('/');
      String host = slash < 0 ? text : text.substring(0, slash);
      String path = slash < 0 ? "" : text.substring(slash).replaceFirst("/+$", "");
      add(out, host, path, settings.host(host), Optional.of(name));
    }
    add(out, name.equals(ImageReference.DOCKER_HUB) ? HUB_HOST : name, "", own, Optional.empty());
    return List.copyOf(out);
  }

  private void add(
      List<Endpoint> to,
      String host,
      String path,
      RegistrySettings.Host of,
      Optional<String> mirrored) {
    boolean http = of.http().orElseGet(() -> isThisMachine(host));
    HttpClient client = clients.computeIfAbsent(of, RegistryClient::newClient);
    if (!http || of.insecure()) {
      // told both, a registry is tried with TLS first
      to.add(new Endpoint("https://" + host + "/v2" + path, host, mirrored, client));
    }
    if (http) {
      to.add(new Endpoint("http://" + host + "/v2" + path, host, mirrored, client));
    }
  }

  private static boolean isThisMachine(String host) {
    String name = host.replaceFirst(":[0-9]+$", "");
    return name.equals("localhost") || name.startsWith("127.") || name.equals("[::1]");
  }

  private static HttpClient newClient(RegistrySettings.Host host) {
    return HttpClient.create(new TlsSettings(host.insecure(), host.rootCas(), host.keyPairs()));
  }
}
