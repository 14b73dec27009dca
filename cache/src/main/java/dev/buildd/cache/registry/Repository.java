package dev.buildd.cache.registry;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One repository of a registry, for one use of it. Every answer is checked against the digest asked
 * for. What fails in passing is tried again; a mirror that fails is passed over.
 *
 * <p>Credentials go to the endpoint they are for, and to the token server it names: never along a
 * redirect to another host.
 *
 * <p>Safe for use by many threads.
 */
public final class Repository {
  private static final Logger log = LoggerFactory.getLogger(Repository.class);
  private static final int MAX_MANIFEST = 4 << 20; // distribution-spec
  private static final String ACCEPT =
      String.join(
          ", ",
          MediaType.DOCKER_MANIFEST,
          MediaType.DOCKER_INDEX,
          MediaType.OCI_MANIFEST,
          MediaType.OCI_INDEX,
          "*/*");

  private final Reference reference;
  private final List<RegistryClient.Endpoint> endpoints;
  private final RegistrySettings settings;
  private final Requests requests;
  private final TransferSlots slots;

  Repository(
      Reference reference,
      List<RegistryClient.Endpoint> endpoints,
      RegistrySettings settings,
      Requests requests,
      TransferSlots slots) {
    this.reference = reference;
    this.endpoints = endpoints;
    this.settings = settings;
    this.requests = requests;
    this.slots = slots;
  }

  public Reference reference() {
    return reference;
  }

  /** A manifest or an index with its bytes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Manifest(Descriptor descriptor, byte[] content) {}

  private interface Reading<T> {
    T read(RegistryClient.Endpoint endpoint, HttpResponse<InputStream> response) throws Exception;
  }

  /**
   * What the reference names at the moment.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image, {@code PERMISSION_DENIED}
   */
  public Descriptor resolve() throws Exception {
    String path = "/manifests/" + reference.object();
    Optional<Descriptor> known =
        onAny("HEAD", path, Map.of("Accept", ACCEPT), (e, response) -> described(response));
    return known.isPresent() ? known.get() : manifest(reference.object()).descriptor();
  }

  private Optional<Descriptor> described(HttpResponse<InputStream> response) {
    Optional<String> digest = response.headers().firstValue("Docker-Content-Digest");
    long size = response.headers().firstValueAsLong("Content-Length").orElse(-1);
    String type = mediaType(response);
    if (reference.digest().isEmpty() && digest.isEmpty()) {
      return Optional.empty();
    }
    Digest named = reference.digest().orElseGet(() -> Digest.parse(digest.orElseThrow()));
    if (size < 0 || !(MediaType.isIndex(type) || MediaType.isManifest(type))) {
      return Optional.empty();
    }
    if (size > MAX_MANIFEST) {
      throw tooLarge();
    }
    return Optional.of(Descriptor.of(type, named, size));
  }

  private static String mediaType(HttpResponse<InputStream> response) {
    String type = response.headers().firstValue("Content-Type").orElse("");
    return type.split(";", 2)[0].trim();
  }

  private BuildException tooLarge() {
    return BuildException.invalid(
        reference + ": manifest is larger than " + MAX_MANIFEST + " bytes");
  }

  /** The manifest with that digest. */
  public byte[] manifest(Digest digest) throws Exception {
    Manifest manifest = manifest(digest.toString());
    if (!manifest.descriptor().digest().equals(digest)) {
      throw mismatch("manifest", digest, manifest.descriptor().digest());
    }
    return manifest.content();
  }

  private static BuildException mismatch(String what, Digest wanted, Digest got) {
    return new BuildException(
        Category.FAILED_PRECONDITION,
        "unexpected digest of " + what + ": got " + got + ", expected " + wanted);
  }

  private Manifest manifest(String object) throws Exception {
    try (TransferSlots.Slot _ = slots.takeManifest(reference.host())) {
      return manifestNow(object);
    }
  }

  private Manifest manifestNow(String object) throws Exception {
    return onAny(
        "GET",
        "/manifests/" + object,
        Map.of("Accept", ACCEPT),
        (endpoint, response) -> {
          byte[] content;
          try (InputStream body = response.body()) {
            content = body.readNBytes(MAX_MANIFEST + 1);
          }
          if (content.length > MAX_MANIFEST) {
            throw tooLarge();
          }
          Digest digest = Digest.of(content);
          if (reference.digest().isPresent()
              && object.equals(reference.object())
              && reference.digest().get().algorithm() == Digest.Algorithm.SHA256
              && !digest.equals(reference.digest().get())) {
            throw mismatch("manifest", reference.digest().get(), digest);
          }
          return new Manifest(Descriptor.of(mediaType(response), digest, content.length), content);
        });
  }

  /**
   * Reads a blob into a stream, which checks what it gets and may refuse it. A connection that
   * breaks is taken up where it broke.
   *
   * @param progress told the bytes read so far
   */
  public void blob(Descriptor blob, OutputStream to, LongConsumer progress) throws Exception {
    Transfer transfer = new Transfer(to, progress, settings.patience());
    try (TransferSlots.Slot _ = slots.takeBlob(reference.host())) {
      onAny(
          "GET",
          "/blobs/" + blob.digest(),
          Map.of(),
          transfer,
          (endpoint, response) -> {
            transfer.take(response);
            return true;
          });
    } catch (BuildException e) {
      if (e.category() != Category.NOT_FOUND || blob.urls().isEmpty()) {
        throw e;
      }
      foreign(blob, transfer);
    }
  }

  /** Layers that may not be distributed by registries say where they are. */
  private void foreign(Descriptor blob, Transfer transfer) throws Exception {
    BuildException failure = BuildException.notFound(blob.digest() + ": not found");
    for (String url : blob.urls()) {
      if (!url.startsWith("https://") && !url.startsWith("http://")) {
        continue;
      }
      try {
        HttpResponse<InputStream> response =
            Requests.follow(
                endpoints.getLast(),
                Requests.Request.of("GET", URI.create(url), Map.of(), 200),
                Optional.empty());
        if (response.statusCode() == 200) {
          transfer.offset = 0;
          transfer.take(response);
          return;
        }
        response.body().close();
      } catch (IOException | IllegalArgumentException e) {
        failure.addSuppressed(e);
      }
    }
    throw failure;
  }

  /** The state of a blob's transfer over several connections. */
  private static final class Transfer {
    private final OutputStream to;
    private final LongConsumer progress;
    private final Duration patience;
    private long offset;

    Transfer(OutputStream to, LongConsumer progress, Duration patience) {
      this.to = to;
      this.progress = progress;
      this.patience = patience;
    }

    void take(HttpResponse<InputStream> response) throws IOException {
      try (InputStream body = new StallGuard(response.body(), patience)) {
        if (response.statusCode() == 200 && offset > 0) {
          body.skipNBytes(offset); // it does not do ranges
        }
        byte[] buffer = new byte[1 << 16];
        for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
          to.write(buffer, 0, n);
          offset += n;
          progress.accept(offset);
        }
      }
    }
  }

  private <T> T onAny(String method, String path, Map<String, String> headers, Reading<T> reading)
      throws Exception {
    return onAny(method, path, headers, null, reading);
  }

  private <T> T onAny(
      String method,
      String path,
      Map<String, String> headers,
      @Nullable Transfer transfer,
      Reading<T> reading)
      throws Exception {
    Exception first = null;
    for (RegistryClient.Endpoint endpoint : endpoints) {
      boolean last = endpoint.equals(endpoints.getLast());
      try {
        // a mirror is not waited for
        return requests.retried(
            path,
            last ? Requests.TRIES : 1,
            () -> {
              Map<String, String> all =
                  transfer != null && transfer.offset > 0
                      ? Map.of("Range", "bytes=" + transfer.offset + "-")
                      : headers;
              return reading.read(
                  endpoint,
                  requests.send(
                      endpoint, Requests.Request.of(method, uri(endpoint, path), all, 200, 206)));
            });
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        if (!last) {
          log.debug("endpoint passed over base={} path={}", endpoint.base(), path, e);
        }
        // the registry's own word counts more than a mirror's
        first = e;
      }
    }
    throw first == null ? new IllegalStateException("no endpoints") : failure(path, first);
  }

  private URI uri(RegistryClient.Endpoint endpoint, String path) {
    String query = endpoint.mirrored().map(host -> "?ns=" + host).orElse("");
    return URI.create(endpoint.base() + "/" + reference.path() + path + query);
  }

  private BuildException failure(String path, Exception e) {
    return switch (e) {
      case BuildException known -> known;
      case StatusException s when s.status == 404 -> {
        String subject = path.startsWith("/manifests/") ? reference.toString() : path.substring(7);
        yield new BuildException(Category.NOT_FOUND, subject + ": not found", e);
      }
      case StatusException s when s.status == 401 || s.status == 403 ->
          new BuildException(
              Category.PERMISSION_DENIED,
              "pull access denied, repository does not exist or may require authorization: "
                  + "authorization failed: "
                  + s.getMessage(),
              e);
      default -> new BuildException(Category.UNAVAILABLE, String.valueOf(e.getMessage()), e);
    };
  }
}
