package dev.buildd.solver.source.http;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.HttpExchange;
import dev.buildd.base.http.HttpResponse;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.session.secrets.Secrets;
import dev.buildd.session.upload.Upload;
import dev.buildd.solver.source.PgpSignature;
import dev.buildd.solver.source.RedactedUrl;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceKey;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * One file of a web server. It is downloaded once, and again only when the server says that it has
 * changed: what was downloaded is known by address and options, with the server's tag for it.
 */
final class HttpDownload implements Source.Instance {
  private static final String INDEX = "http.url";
  private static final String ETAG = "http.etag";
  private static final String CHECKSUM = "http.checksum";
  private static final String MODIFIED = "http.modtime";
  private static final DateTimeFormatter HTTP_TIME =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
          .withZone(ZoneOffset.UTC);
  private static final List<DateTimeFormatter> TIMES =
      List.of(
          HTTP_TIME,
          new DateTimeFormatterBuilder()
              .appendPattern("EEEE, dd-MMM-")
              .appendValueReduced(ChronoField.YEAR, 2, 2, 1969) // as Go and POSIX take them
              .appendPattern(" HH:mm:ss ['GMT']['UTC']")
              .toFormatter(Locale.ENGLISH),
          DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss yyyy", Locale.ENGLISH));

  private final CacheManager cache;
  private final HttpClient client;
  private final HttpSource.Request request;
  private @Nullable Flight<Resolved> resolution; // guarded by this

  HttpDownload(CacheManager cache, HttpClient client, HttpSource.Request request) {
    this.cache = cache;
    this.client = client;
    this.request = request;
  }

  /**
   * What the address stands for.
   *
   * @param refId of the download; empty if it was pinned and nothing has been downloaded
   */
  private record Resolved(
      Digest digest, String filename, Optional<Instant> modified, String refId) {}

  private Resolved resolved(SourceContext context) throws Exception {
    Flight<Resolved> flight;
    synchronized (this) {
      if (resolution == null) {
        resolution = new Flight<>("resolve " + shown(), () -> verified(context, resolve(context)));
      }
      flight = resolution;
    }
    return flight.join();
  }

  /** Has the file brought, if there is a signature that it must have. */
  private Resolved verified(SourceContext context, Resolved resolved) throws Exception {
    if (request.signature().isEmpty()) {
      return resolved;
    }
    PgpSignature signature = request.signature().get();
    try (ImmutableRef ref = fetch(context, resolved);
        Mounted at = ref.mount()) {
      Threads.cpu()
          .call(() -> {
            try (InputStream in = TreeFiles.read(at.path().resolve(resolved.filename()))) {
              signature.verify(in);
            }
            return signature;
          });
      return remembered(
          context,
          new Resolved(resolved.digest(), resolved.filename(), resolved.modified(), ref.id()),
          ref);
    }
  }

  HttpSource.Metadata metadata(SourceContext context) throws Exception {
    Resolved resolved = resolved(context);
    return new HttpSource.Metadata(resolved.digest(), resolved.filename(), resolved.modified());
  }

  /** The digest of the file with something appended to it. */
  Digest checksum(SourceContext context, Digest.Algorithm algorithm, byte[] suffix)
      throws Exception {
    String name = resolved(context).filename();
    try (ImmutableRef ref = fetch(context).orElseThrow();
        Mounted at = ref.mount()) {
      return Threads.cpu()
          .call(() -> {
            MessageDigest hash = algorithm.newHash();
            try (InputStream in = TreeFiles.read(at.path().resolve(name));
                OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), hash)) {
              in.transferTo(out);
              out.write(suffix);
            }
            return new Digest(algorithm, HexFormat.of().formatHex(hash.digest()));
          });
    }
  }

  private String shown() {
    return RedactedUrl.of(request.url());
  }

  @Override
  public SourceKey key(SourceContext context, int index) throws Exception {
    Resolved resolved = resolved(context);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("Filename", resolved.filename());
    json.put("Perm", request.file().permissions());
    json.put("UID", request.file().uid());
    json.put("GID", request.file().gid());
    json.put("Checksum", resolved.digest().toString());
    resolved.modified().ifPresent(time -> json.put("LastModTime", HTTP_TIME.format(time)));
    if (!request.headerSecret().isEmpty()) {
      json.put("AuthHeaderSecret", request.headerSecret());
    }
    if (!request.headers().isEmpty()) {
      json.put("Header", headerFields());
    }
    return new SourceKey(
        CacheDigest.of(CacheDigest.Kind.JSON, Json.bytes(json)).toString(),
        true,
        resolved.digest().toString());
  }

  private List<Object> headerFields() {
    List<Object> out = new ArrayList<>();
    request
        .headers()
        .forEach((name, value) -> {
          Map<String, Object> field = new LinkedHashMap<>();
          field.put("Name", name);
          field.put("Value", value);
          out.add(field);
        });
    return out;
  }

  /** Under what a download is found again; not part of any key. */
  private String urlHash() {
    return Digest.of(
            Json.bytes(
                List.of(
                    request.url(),
                    request.file().name(),
                    request.file().permissions(),
                    request.file().uid(),
                    request.file().gid(),
                    request.headerSecret(),
                    headerFields())))
        .toString();
  }

  @Override
  public Optional<ImmutableRef> fetch(SourceContext context) throws Exception {
    return Optional.of(fetch(context, resolved(context)));
  }

  private ImmutableRef fetch(SourceContext context, Resolved resolved) throws Exception {
    if (!resolved.refId().isEmpty()) {
      try {
        return cache.get(resolved.refId());
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND) {
          throw e;
        }
        // pruned meanwhile
      }
    }
    try (Saved saved = download(context)) {
      if (!saved.digest().equals(resolved.digest())) {
        throw mismatch(saved.digest(), resolved.digest());
      }
      return saved.ref().share();
    }
  }

  private static BuildException mismatch(Digest got, Digest wanted) {
    return new BuildException(
        Category.FAILED_PRECONDITION, "digest mismatch " + got + ": " + wanted);
  }

  /** Under what a job knows a download. */
  private record Known(String urlHash) {}

  /** What a job knows of an address, with a hold on the download. */
  private record Kept(Resolved resolved, ImmutableRef ref) implements AutoCloseable {
    @Override
    public void close() {
      ref.close();
    }
  }

  private Resolved resolve(SourceContext context) throws Exception {
    if (request.checksum().isPresent()) {
      return new Resolved(
          request.checksum().get(),
          FileName.of(request.file().name(), Optional.empty(), request.uri()),
          Optional.empty(),
          "");
    }
    Optional<Kept> kept = context.recall(new Known(urlHash()), Kept.class);
    if (kept.isPresent()) {
      return kept.get().resolved();
    }
    if (isSession()) {
      try (Saved saved = upload(context)) {
        return remembered(context, of(saved), saved.ref());
      }
    }
    Map<String, ImmutableRef> known = known();
    try {
      Optional<Resolved> unchanged = known.isEmpty() ? Optional.empty() : unchanged(context, known);
      return unchanged.isPresent() ? unchanged.get() : changed(context, known);
    } finally {
      known.values().forEach(ImmutableRef::close);
    }
  }

  private Resolved remembered(SourceContext context, Resolved resolved, ImmutableRef ref) {
    context.remember(new Known(urlHash()), () -> new Kept(resolved, ref.share()));
    return resolved;
  }

  private static Resolved of(Saved saved) {
    return new Resolved(saved.digest(), saved.filename(), saved.modified(), saved.ref().id());
  }

  /** Earlier downloads by the server's tag for them. */
  private Map<String, ImmutableRef> known() {
    Map<String, ImmutableRef> out = new LinkedHashMap<>();
    for (String id : cache.search(INDEX, urlHash())) {
      try {
        ImmutableRef ref = cache.get(id);
        Optional<String> tag = text(ref, ETAG);
        if (tag.isPresent() && text(ref, CHECKSUM).isPresent() && !out.containsKey(tag.get())) {
          out.put(tag.get(), ref);
        } else {
          ref.close();
        }
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
          throw e;
        }
      }
    }
    return out;
  }

  private static Optional<String> text(ImmutableRef ref, String key) {
    return ref.get(key).map(bytes -> new String(bytes, StandardCharsets.UTF_8));
  }

  private static Map<String, String> condition(Map<String, ImmutableRef> known) {
    return known.isEmpty() ? Map.of() : Map.of("If-None-Match", String.join(", ", known.keySet()));
  }

  /**
   * Asks whether one of the downloads is still what the server has. By HEAD first, for some servers
   * that give tags out do not heed them in a GET.
   */
  private Optional<Resolved> unchanged(SourceContext context, Map<String, ImmutableRef> known)
      throws Exception {
    HttpResponse response;
    try {
      response = exchange(context, "HEAD", condition(known));
      response.body().close();
    } catch (IOException e) {
      return Optional.empty(); // the download will tell what is wrong
    }
    return response.statusCode() == 200 || response.statusCode() == 304
        ? match(context, response, known)
        : Optional.empty();
  }

  private Resolved changed(SourceContext context, Map<String, ImmutableRef> known)
      throws Exception {
    HttpResponse response = exchange(context, "GET", condition(known));
    if (response.statusCode() == 304) {
      response.body().close();
      Optional<Resolved> unchanged = match(context, response, known);
      if (unchanged.isPresent()) {
        return unchanged.get();
      }
      // it does not say which of several has not changed: it is asked without a condition
      response = exchange(context, "GET", Map.of());
    }
    try (Saved saved = save(response)) {
      return remembered(context, of(saved), saved.ref());
    }
  }

  /** The download that the server says it still has. */
  private Optional<Resolved> match(
      SourceContext context, HttpResponse response, Map<String, ImmutableRef> known) {
    String tag = tag(response);
    if (tag.isEmpty() && response.statusCode() == 304 && known.size() == 1) {
      tag = known.keySet().iterator().next(); // it speaks of the only one we asked for
    }
    ImmutableRef ref = known.get(tag);
    if (ref == null) {
      return Optional.empty();
    }
    Resolved resolved =
        new Resolved(
            Digest.parse(text(ref, CHECKSUM).orElseThrow()),
            FileName.of(request.file().name(), disposition(response), request.uri()),
            text(ref, MODIFIED).flatMap(HttpDownload::time),
            ref.id());
    return Optional.of(remembered(context, resolved, ref));
  }

  private static String tag(HttpResponse response) {
    String tag = response.headers().firstValue("ETag").orElse("");
    return tag.startsWith("W/") ? tag.substring(2) : tag;
  }

  private static Optional<String> disposition(HttpResponse response) {
    return response.headers().firstValue("Content-Disposition");
  }

  /** A time in any of the three forms that servers may use (RFC 9110, section 5.6.7). */
  static Optional<Instant> time(String text) {
    for (DateTimeFormatter form : TIMES) {
      try {
        return Optional.of(LocalDateTime.parse(text, form).toInstant(ZoneOffset.UTC));
      } catch (DateTimeParseException e) {
        // perhaps another form
      }
    }
    return Optional.empty();
  }

  private boolean isSession() {
    return request.uri().host().equals(Upload.SESSION_HOST);
  }

  private HttpResponse exchange(SourceContext context, String method, Map<String, String> more)
      throws Exception {
    Map<String, String> headers = new HashMap<>(more);
    headers.put("User-Agent", HttpClient.USER_AGENT);
    headers.put("Accept-Encoding", "gzip");
    headers.putAll(request.headers());
    return new HttpExchange(
            method, request.uri(), headers, authorization(context), Optional.empty())
        .send(client);
  }

  private Optional<String> authorization(SourceContext context) throws Exception {
    if (!request.headerSecret().isEmpty()) {
      Optional<byte[]> secret = Secrets.get(context.sessions(), request.headerSecret());
      if (secret.isEmpty()) {
        throw BuildException.notFound(
            "failed to retrieve HTTP auth secret " + request.headerSecret() + ": not found");
      }
      return secret.map(HttpDownload::header);
    }
    String host = request.uri().host();
    Optional<byte[]> token = Secrets.get(context.sessions(), "HTTP_AUTH_TOKEN_" + host);
    if (token.isPresent()) {
      return token.map(bytes -> "Bearer " + header(bytes));
    }
    return Secrets.get(context.sessions(), "HTTP_AUTH_HEADER_" + host).map(HttpDownload::header);
  }

  private static String header(byte[] secret) {
    return HttpSource.headerValue(new String(secret, StandardCharsets.UTF_8));
  }

  /** A download in a ref. */
  private record Saved(ImmutableRef ref, Digest digest, String filename, Optional<Instant> modified)
      implements AutoCloseable {
    @Override
    public void close() {
      ref.close();
    }
  }

  private Saved upload(SourceContext context) throws Exception {
    String name = FileName.of(request.file().name(), Optional.empty(), request.uri());
    return save(name, Optional.empty(), "", to -> pull(context, to));
  }

  private Saved download(SourceContext context) throws Exception {
    return isSession() ? upload(context) : save(exchange(context, "GET", Map.of()));
  }

  private Saved save(HttpResponse response) throws Exception {
    try (InputStream body = response.body()) {
      if (response.statusCode() < 200 || response.statusCode() >= 300) {
        throw new BuildException(
            response.statusCode() == 404 ? Category.NOT_FOUND : Category.UNKNOWN,
            "invalid response status " + response.statusCode());
      }
      boolean zipped =
          response
              .headers()
              .firstValue("Content-Encoding")
              .filter("gzip"::equalsIgnoreCase)
              .isPresent();
      InputStream content = zipped ? new GZIPInputStream(body) : body;
      return save(
          FileName.of(request.file().name(), disposition(response), request.uri()),
          response.headers().firstValue("Last-Modified").flatMap(HttpDownload::time),
          tag(response),
          content::transferTo);
    } catch (IOException e) {
      if (HttpClient.isInterrupt(e)) {
        Thread.interrupted(); // it is set still
        throw new InterruptedException();
      }
      throw e;
    }
  }

  private void pull(SourceContext context, OutputStream to) throws Exception {
    String path = request.uri().decodedPath();
    try (Upload upload = context.sessions().any(session -> Upload.open(session, path))) {
      upload.writeTo(to);
    }
  }

  private interface Content {
    void writeTo(OutputStream to) throws Exception;
  }

  private Saved save(String name, Optional<Instant> modified, String tag, Content content)
      throws Exception {
    RefOptions options = RefOptions.of("http url " + shown());
    try (MutableRef ref = cache.newMutable(Optional.empty(), options)) {
      Digest digest;
      try (Mounted at = ref.mount()) {
        digest = write(at.path().resolve(name), modified, content);
      }
      ref.put(CHECKSUM, digest.toString().getBytes(StandardCharsets.UTF_8));
      if (modified.isPresent()) {
        ref.put(MODIFIED, HTTP_TIME.format(modified.get()).getBytes(StandardCharsets.UTF_8));
      }
      if (!tag.isEmpty()) {
        ref.put(ETAG, tag.getBytes(StandardCharsets.UTF_8));
        ref.index(INDEX, urlHash());
      }
      return new Saved(ref.commit(), digest, name, modified);
    }
  }

  private Digest write(Path file, Optional<Instant> modified, Content content) throws Exception {
    MessageDigest hash =
        request.checksum().map(Digest::algorithm).orElse(Digest.Algorithm.SHA256).newHash();
    try (OutputStream out =
        new DigestOutputStream(Channels.newOutputStream(TreeFiles.create(file)), hash)) {
      content.writeTo(out);
    }
    request.file().finish(file, modified.orElse(Instant.EPOCH));
    return new Digest(
        request.checksum().map(Digest::algorithm).orElse(Digest.Algorithm.SHA256),
        HexFormat.of().formatHex(hash.digest()));
  }
}
