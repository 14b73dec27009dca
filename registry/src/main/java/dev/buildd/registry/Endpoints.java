package dev.buildd.registry;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.HttpHeaders;
import dev.buildd.base.http.HttpResponse;
import dev.buildd.base.http.HttpUrl;
import dev.buildd.base.http.StallGuard;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The places where a repository is found, asked one after the other: its mirrors, which are not
 * waited for, and then the registry itself.
 *
 * <p>Safe for use by many threads.
 */
final class Endpoints {
  static final int MAX_MANIFEST = 4 << 20; // distribution-spec

  private static final Logger log = LoggerFactory.getLogger(Endpoints.class);

  private final ImageReference reference;
  private final List<RegistryClient.Endpoint> all;
  private final Requests requests;

  Endpoints(ImageReference reference, List<RegistryClient.Endpoint> all, Requests requests) {
    this.reference = reference;
    this.all = List.copyOf(all);
    this.requests = requests;
  }

  /** Something asked as often as it takes, which keeps what it has got so far. */
  interface Question<T> {
    default String method() {
      return "GET";
    }

    /** Where it is asked for, below the repository. */
    String path();

    /** How errors call it after the name of the image; empty if that says it. */
    String subject();

    /** What the next attempt sends. */
    Map<String, String> headers();

    /** Grows with what has been got. */
    default long progress() {
      return 0;
    }

    T read(Answer answer) throws Exception;
  }

  /**
   * An answer with status 200 or 206.
   *
   * @param repository the address of the repository, without a trailing slash
   * @param body which must not stand still for longer than the settings allow
   */
  record Answer(
      RegistryClient.Endpoint endpoint,
      String repository,
      int status,
      HttpHeaders headers,
      InputStream body) {
    String header(String name) {
      return headers.firstValue(name).orElse("");
    }

    /** The body, which is to be a manifest or an index. */
    byte[] document() throws IOException {
      byte[] content = body.readNBytes(MAX_MANIFEST + 1);
      if (content.length > MAX_MANIFEST) {
        throw BuildException.invalid("manifest is larger than " + MAX_MANIFEST + " bytes");
      }
      return content;
    }
  }

  /** The registry itself. */
  RegistryClient.Endpoint registry() {
    return all.getLast();
  }

  /** This endpoint and those after it. */
  Endpoints from(RegistryClient.Endpoint first) {
    return new Endpoints(reference, all.subList(all.indexOf(first), all.size()), requests);
  }

  /**
   * Asks until one answers.
   *
   * @throws BuildException what the registry itself said
   */
  <T> T ask(Question<T> question) throws Exception {
    Exception failure = new IllegalStateException("no endpoints");
    for (RegistryClient.Endpoint endpoint : all) {
      boolean last = endpoint.equals(all.getLast());
      try {
        return requests.retried(
            question.path(),
            last ? Requests.TRIES : 1,
            question::progress,
            () -> {
              try {
                return ask(question, question.method(), endpoint);
              } catch (StatusException e) {
                if (!question.method().equals("HEAD") || (e.status != 405 && e.status != 501)) {
                  throw e;
                }
                return ask(question, "GET", endpoint); // it does not know HEAD
              }
            });
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        if (!last) {
          log.debug("endpoint passed over base={} path={}", endpoint.base(), question.path(), e);
        }
        // the registry's own word counts more than a mirror's
        failure = e;
      }
    }
    throw failed(question, failure);
  }

  private <T> T ask(Question<T> question, String method, RegistryClient.Endpoint endpoint)
      throws Exception {
    Requests.Request request =
        Requests.Request.of(method, url(endpoint, question.path()), question.headers(), 200, 206);
    return read(question, endpoint, requests.send(endpoint, request));
  }

  /** Has an answer read, and closed. */
  <T> T read(Question<T> question, RegistryClient.Endpoint endpoint, HttpResponse response)
      throws Exception {
    try (InputStream body = new StallGuard(response.body(), requests.patience())) {
      return question.read(
          new Answer(
              endpoint, repository(endpoint), response.statusCode(), response.headers(), body));
    }
  }

  private String repository(RegistryClient.Endpoint endpoint) {
    return endpoint.base() + "/" + reference.path();
  }

  private HttpUrl url(RegistryClient.Endpoint endpoint, String path) {
    String ns = path.contains("?") ? "&ns=" : "?ns=";
    return HttpUrl.parse(
        repository(endpoint) + path + endpoint.mirrored().map(host -> ns + host).orElse(""));
  }

  private BuildException failed(Question<?> question, Exception e) {
    String subject = reference + question.subject();
    return switch (e) {
      case BuildException known ->
          new BuildException(known.category(), subject + ": " + known.getMessage(), known);
      case StatusException s when s.status == 404 ->
          new BuildException(Category.NOT_FOUND, subject + ": not found", e);
      case StatusException s when s.status == 401 || s.status == 403 ->
          new BuildException(
              Category.PERMISSION_DENIED,
              subject
                  + ": pull access denied, repository does not exist or may require authorization: "
                  + "authorization failed: "
                  + s.getMessage(),
              e);
      default ->
          new BuildException(
              Category.UNAVAILABLE,
              subject + ": " + (e.getMessage() == null ? e : e.getMessage()),
              e);
    };
  }
}
