package dev.buildd.registry;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.HttpResponse;
import dev.buildd.base.http.HttpUrl;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;

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
  private static final int MAX_PAGES = 100;
  private static final Set<Integer> UNKNOWN_ROUTE = Set.of(400, 404, 405); // of older registries
  private static final String ACCEPT =
      String.join(
          ", ",
          MediaType.DOCKER_MANIFEST,
          MediaType.DOCKER_INDEX,
          MediaType.OCI_MANIFEST,
          MediaType.OCI_INDEX,
          "*/*");

  private final ImageReference reference;
  private final Endpoints endpoints;
  private final TransferSlots slots;

  Repository(ImageReference reference, Endpoints endpoints, TransferSlots slots) {
    this.reference = reference;
    this.endpoints = endpoints;
    this.slots = slots;
  }

  public ImageReference reference() {
    return reference;
  }

  /** A manifest or an index with its bytes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Manifest(Descriptor descriptor, byte[] content) {}

  private interface Reading<T> {
    T read(Endpoints.Answer answer) throws Exception;
  }

  /** A manifest asked for by tag or digest. */
  private final class ManifestQuestion<T> implements Endpoints.Question<T> {
    private final String method;
    private final String object;
    private final Reading<T> reading;

    ManifestQuestion(String method, String object, Reading<T> reading) {
      this.method = method;
      this.object = object;
      this.reading = reading;
    }

    @Override
    public String method() {
      return method;
    }

    @Override
    public String path() {
      return "/manifests/" + object;
    }

    @Override
    public String subject() {
      return reference.object().equals(object) ? "" : ": manifest " + object;
    }

    @Override
    public Map<String, String> headers() {
      return Map.of("Accept", ACCEPT);
    }

    @Override
    public T read(Endpoints.Answer answer) throws Exception {
      return reading.read(answer);
    }
  }

  /**
   * What the reference names at the moment.
   *
   * @throws BuildException {@code NOT_FOUND} if there is no such image, {@code PERMISSION_DENIED}
   */
  public Descriptor resolve() throws Exception {
    Optional<Descriptor> known =
        endpoints.ask(new ManifestQuestion<>("HEAD", reference.object(), this::described));
    return known.isPresent() ? known.get() : manifest(reference.object()).descriptor();
  }

  private Optional<Descriptor> described(Endpoints.Answer answer) {
    Optional<String> digest = answer.headers().firstValue("Docker-Content-Digest");
    long size = answer.headers().firstValueAsLong("Content-Length").orElse(-1);
    String type = mediaType(answer);
    if (reference.digest().isEmpty() && digest.isEmpty()) {
      return Optional.empty();
    }
    Digest named = reference.digest().orElseGet(() -> Digest.parse(digest.orElseThrow()));
    if (size < 0 || !(MediaType.isIndex(type) || MediaType.isManifest(type))) {
      return Optional.empty();
    }
    if (size > Endpoints.MAX_MANIFEST) {
      throw BuildException.invalid("manifest is larger than " + Endpoints.MAX_MANIFEST + " bytes");
    }
    return Optional.of(Descriptor.of(type, named, size));
  }

  private static String mediaType(Endpoints.Answer answer) {
    return answer.header("Content-Type").split(";", 2)[0].trim();
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
    try (TransferSlots.Slot _ = slots.takeManifest()) {
      return endpoints.ask(
          new ManifestQuestion<>("GET", object, answer -> manifest(object, answer)));
    }
  }

  private Manifest manifest(String object, Endpoints.Answer answer) throws IOException {
    byte[] content = answer.document();
    Digest digest = Digest.of(content);
    if (reference.digest().isPresent()
        && object.equals(reference.object())
        && reference.digest().get().algorithm() == Digest.Algorithm.SHA256
        && !digest.equals(reference.digest().get())) {
      throw mismatch("manifest", reference.digest().get(), digest);
    }
    return new Manifest(Descriptor.of(mediaType(answer), digest, content.length), content);
  }

  /**
   * What refers to a manifest, in the registry's order.
   *
   * @param artifactType what to list only
   * @throws BuildException {@code INVALID_ARGUMENT} if the list is malformed or has no end
   */
  public List<Referrer> referrers(Digest subject, Optional<String> artifactType) throws Exception {
    List<Referrer> out = new ArrayList<>();
    Optional<ReferrersQuestion> question = Optional.of(ReferrersQuestion.to(subject, artifactType));
    for (int i = 0; question.isPresent(); i++) {
      if (i == MAX_PAGES) {
        throw BuildException.invalid(
            reference + ": list of referrers to " + subject + " has no end");
      }
      ReferrersQuestion.Page page = i == 0 ? first(subject, question.get()) : ask(question.get());
      // whether or not the registry has filtered
      page.referrers().stream()
          .filter(found -> artifactType.map(found.artifactType()::equals).orElse(true))
          .forEach(out::add);
      question = page.next();
    }
    return out;
  }

  private ReferrersQuestion.Page first(Digest subject, ReferrersQuestion question)
      throws Exception {
    try {
      return ask(question);
    } catch (BuildException e) {
      if (!(e.getCause() instanceof StatusException s && UNKNOWN_ROUTE.contains(s.status))) {
        throw e;
      }
    }
    try {
      return ask(ReferrersQuestion.tag(subject));
    } catch (BuildException e) {
      if (e.category() == Category.NOT_FOUND) {
        return new ReferrersQuestion.Page(List.of(), Optional.empty());
      }
      throw e;
    }
  }

  private ReferrersQuestion.Page ask(ReferrersQuestion question) throws Exception {
    try (TransferSlots.Slot _ = slots.takeManifest()) {
      return endpoints.ask(question);
    }
  }

  /**
   * Reads a blob into a stream, which checks what it gets and may refuse it. A connection that
   * breaks is taken up where it broke. A large blob comes over several connections, as far as the
   * registry is not given other transfers.
   *
   * @param progress told the bytes read so far
   */
  public void blob(Descriptor blob, OutputStream to, LongConsumer progress) throws Exception {
    BlobSink sink = new BlobSink(blob.digest(), to, progress);
    try (TransferSlots.Slot _ = slots.takeBlob()) {
      boolean large = blob.size() >= ParallelTransfer.WORTHWHILE;
      boolean complete = large && new ParallelTransfer(blob, sink, endpoints, slots).run();
      if (!complete) {
        endpoints.ask(new PlainTransfer(blob.digest(), sink, !large));
      }
    } catch (BuildException e) {
      if (e.category() != Category.NOT_FOUND || blob.urls().isEmpty()) {
        throw e;
      }
      foreign(blob, sink);
    }
  }

  private record Presence(Digest digest) implements Endpoints.Question<Boolean> {
    @Override
    public String method() {
      return "HEAD";
    }

    @Override
    public String path() {
      return "/blobs/" + digest;
    }

    @Override
    public String subject() {
      return ": blob " + digest;
    }

    @Override
    public Map<String, String> headers() {
      return Map.of();
    }

    @Override
    public Boolean read(Endpoints.Answer answer) {
      return true; // there is nothing else in it
    }
  }

  /** Whether the registry has the blob now. */
  public boolean has(Digest digest) throws Exception {
    try (TransferSlots.Slot _ = slots.takeManifest()) { // a small question, like one for a manifest
      return endpoints.ask(new Presence(digest));
    } catch (BuildException e) {
      if (e.category() == Category.NOT_FOUND) {
        return false;
      }
      throw e;
    }
  }

  /** Layers that may not be distributed by registries say where they are. */
  private void foreign(Descriptor blob, BlobSink sink) throws Exception {
    BuildException failure = BuildException.notFound(blob.digest() + ": not found");
    for (String url : blob.urls()) {
      if (!url.startsWith("https://") && !url.startsWith("http://")) {
        continue;
      }
      try {
        HttpResponse response =
            Requests.follow(
                endpoints.registry(),
                Requests.Request.of("GET", HttpUrl.parse(url), Map.of(), 200),
                Optional.empty());
        if (response.statusCode() == 200) {
          endpoints.read(
              new PlainTransfer(blob.digest(), sink, false), endpoints.registry(), response);
          return;
        }
        response.body().close();
      } catch (IOException | IllegalArgumentException e) {
        failure.addSuppressed(e);
      }
    }
    throw failure;
  }
}
