package dev.buildd.registry;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.HttpRequest;
import dev.buildd.base.http.HttpResponse;
import dev.buildd.base.http.HttpUrl;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Brings an image to a registry (distribution-spec, push): first its blobs, those that the registry
 * lacks, then the manifests from the leaves to the root, so that no manifest ever names what is not
 * there.
 *
 * <p>An upload may be directed to another host; credentials are not.
 */
public final class Push {

  private final ImageReference reference;
  private final List<RegistryClient.Endpoint> endpoints;
  private final Requests requests;
  private final Content content;
  private final Listener listener;
  private final TransferSlots slots;
  private volatile RegistryClient.@Nullable Endpoint answering;

  /** Where the image is. */
  public interface Content {
    /** Makes sure that a blob can be read; called when the registry turns out to lack it. */
    void bring(Digest digest) throws Exception;

    InputStream read(Digest digest);

    byte[] readAll(Digest digest);

    /** A repository of the same registry that is known to have the blob. */
    Optional<String> origin(Digest digest, String host);
  }

  /** Is told what is being done; called by several threads. */
  public interface Listener {
    /** A blob's bytes are on their way, or were there already. */
    void blob(Digest digest, long done, long size);
  }

  Push(
      ImageReference reference,
      List<RegistryClient.Endpoint> endpoints,
      Requests requests,
      TransferSlots slots,
      Content content,
      Listener listener) {
    this.reference = reference;
    this.endpoints = endpoints;
    this.requests = requests;
    this.slots = slots;
    this.content = content;
    this.listener = listener;
  }

  /** Work that one endpoint is asked to do. */
  private interface Attempt<T> {
    T on(RegistryClient.Endpoint endpoint) throws Exception;
  }

  /** All that an image is made of. */
  private record Parts(List<Descriptor> manifests, Map<Digest, Descriptor> blobs) {}

  /**
   * Brings the blobs.
   *
   * @throws BuildException what the registry said, with the reference
   */
  public void blobs(Descriptor root) throws Exception {
    Parts parts = parts(root);
    List<Callable<Boolean>> all = new ArrayList<>();
    for (Descriptor blob : parts.blobs.values()) {
      all.add(() -> {
        try (TransferSlots.Slot _ = slots.takeBlob()) {
          blob(blob);
        }
        return true;
      });
    }
    if (!all.isEmpty()) {
      Scope.all("push " + reference, all);
    }
  }

  /**
   * Brings the manifests, after the blobs.
   *
   * @param byDigest whether the root gets no tag
   */
  public void manifests(Descriptor root, boolean byDigest) throws Exception {
    for (Descriptor manifest : parts(root).manifests.reversed()) {
      boolean tagged = manifest.digest().equals(root.digest()) && !byDigest;
      String name = tagged ? reference.tag().orElse("latest") : manifest.digest().toString();
      byte[] bytes = content.readAll(manifest.digest());
      try (TransferSlots.Slot _ = slots.takeManifest()) {
        put(manifest, name, bytes);
      }
    }
  }

  private void put(Descriptor manifest, String name, byte[] bytes) throws Exception {
    onOne(
        "manifest " + manifest.digest(),
        endpoint ->
            closed(
                requests.send(
                    endpoint,
                    new Requests.Request(
                        "PUT",
                        url(endpoint, "/manifests/" + name),
                        Map.of("Content-Type", manifest.mediaType()),
                        Optional.of(
                            new HttpRequest.Body(
                                () -> new ByteArrayInputStream(bytes), bytes.length)),
                        false,
                        Set.of(200, 201, 202)))));
  }

  private Parts parts(Descriptor root) {
    List<Descriptor> manifests = new ArrayList<>();
    Map<Digest, Descriptor> blobs = new LinkedHashMap<>();
    collect(root, manifests, blobs);
    return new Parts(manifests, blobs);
  }

  private void collect(Descriptor at, List<Descriptor> manifests, Map<Digest, Descriptor> blobs) {
    if (!MediaType.isIndex(at.mediaType()) && !MediaType.isManifest(at.mediaType())) {
      if (!MediaType.isForeignLayer(at.mediaType())) {
        blobs.putIfAbsent(at.digest(), at);
      }
      return;
    }
    if (manifests.stream().anyMatch(known -> known.digest().equals(at.digest()))) {
      return;
    }
    manifests.add(at);
    ImageManifest manifest =
        ImageManifest.parse(content.readAll(at.digest()), "manifest " + at.digest());
    manifest.config().ifPresent(config -> collect(config, manifests, blobs));
    manifest.layers().forEach(layer -> collect(layer, manifests, blobs));
    manifest.manifests().forEach(one -> collect(one, manifests, blobs));
  }

  private HttpUrl url(RegistryClient.Endpoint endpoint, String path) {
    return HttpUrl.parse(endpoint.base() + "/" + reference.path() + path);
  }

  private static boolean closed(HttpResponse response) throws IOException {
    response.body().close();
    return true;
  }

  private void blob(Descriptor blob) throws Exception {
    listener.blob(blob.digest(), 0, blob.size());
    onOne(
        "blob " + blob.digest(),
        endpoint -> {
          if (!isThere(endpoint, blob)) {
            upload(endpoint, blob);
          }
          return true;
        });
    listener.blob(blob.digest(), blob.size(), blob.size());
  }

  private boolean isThere(RegistryClient.Endpoint endpoint, Descriptor blob) throws Exception {
    HttpResponse response =
        requests.send(
            endpoint,
            Requests.Request.of(
                "HEAD",
                url(endpoint, "/blobs/" + blob.digest()),
                Map.of(),
                200,
                403,
                404,
                405,
                501));
    // who may not look may still put; and if not, that answer says why, which one to HEAD cannot
    response.body().close();
    return response.statusCode() == 200;
  }

  private void upload(RegistryClient.Endpoint endpoint, Descriptor blob) throws Exception {
    String query =
        content
            .origin(blob.digest(), reference.host())
            .filter(origin -> !origin.equals(reference.path()))
            .map(origin -> "?mount=" + blob.digest() + "&from=" + encode(origin))
            .orElse("");
    HttpResponse begun = begin(endpoint, query);
    if (begun.statusCode() == 201) {
      return; // taken over from the other repository
    }
    content.bring(blob.digest());
    String location =
        begun
            .headers()
            .firstValue("Location")
            .orElseThrow(() ->
                new BuildException(Category.UNAVAILABLE, "registry gave no place to upload to"));
    closed(
        requests.send(
            endpoint,
            new Requests.Request(
                "PUT",
                place(begun.url(), location, blob.digest()),
                Map.of("Content-Type", "application/octet-stream"),
                Optional.of(
                    new HttpRequest.Body(
                        () -> counted(content.read(blob.digest()), blob), blob.size())),
                true,
                Set.of(200, 201, 204))));
  }

  private HttpResponse begin(RegistryClient.Endpoint endpoint, String mount) throws Exception {
    HttpResponse response;
    try {
      response =
          requests.send(
              endpoint,
              Requests.Request.of(
                  "POST", url(endpoint, "/blobs/uploads/" + mount), Map.of(), 200, 201, 202));
    } catch (StatusException e) {
      if (mount.isEmpty() || e.isPassing()) {
        throw e;
      }
      return begin(endpoint, ""); // the other repository may be none of this user's
    } catch (BuildException e) {
      if (mount.isEmpty()) {
        throw e;
      }
      return begin(endpoint, ""); // of which a token server may know as well
    }
    response.body().close();
    return response;
  }

  private InputStream counted(InputStream in, Descriptor blob) {
    return new FilterInputStream(in) {
      private long done;

      @Override
      public int read(byte[] to, int at, int length) throws IOException {
        int n = super.read(to, at, length);
        if (n > 0) {
          done += n;
          listener.blob(blob.digest(), done, blob.size());
        }
        return n;
      }
    };
  }

  private static HttpUrl place(HttpUrl asked, String location, Digest digest) {
    HttpUrl to;
    try {
      to = asked.resolve(location);
    } catch (IllegalArgumentException e) {
      throw new BuildException(Category.UNAVAILABLE, "registry gave an invalid upload address", e);
    }
    if (location.contains("#")
        || to.userInfo().isPresent()
        || (asked.isSecure() && !to.isSecure())) {
      throw new BuildException(
          Category.UNAVAILABLE, "registry gave an upload address that is not to be used");
    }
    return to.withQuery("digest=" + encode(digest.toString()));
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /**
   * An insecure registry has two endpoints, one with and one without TLS. The first that answers is
   * the one.
   */
  private <T> T onOne(String what, Attempt<T> attempt) throws Exception {
    RegistryClient.Endpoint known = answering;
    List<RegistryClient.Endpoint> candidates = known == null ? endpoints : List.of(known);
    Exception failure = null;
    for (RegistryClient.Endpoint endpoint : candidates) {
      boolean last = endpoint.equals(candidates.getLast());
      try {
        T done = requests.retried(what, last ? Requests.TRIES : 1, () -> attempt.on(endpoint));
        answering = endpoint;
        return done;
      } catch (InterruptedException e) {
        throw e;
      } catch (BuildException e) {
        throw new BuildException(
            e.category(), "failed to copy " + what + " to " + reference + ": " + e.getMessage(), e);
      } catch (StatusException e) {
        throw failed(what, e);
      } catch (Exception e) {
        failure = e;
      }
    }
    throw failed(what, failure == null ? new IllegalStateException("no endpoints") : failure);
  }

  private BuildException failed(String what, Exception e) {
    Category category =
        e instanceof StatusException status && (status.status == 401 || status.status == 403)
            ? Category.PERMISSION_DENIED
            : Category.UNAVAILABLE;
    String why =
        category == Category.PERMISSION_DENIED
            ? "push access denied, repository does not exist or may require authorization: "
                + "authorization failed: "
            : "";
    return new BuildException(
        category, "failed to copy " + what + " to " + reference + ": " + why + e.getMessage(), e);
  }
}
