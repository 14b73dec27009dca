package dev.buildd.frontend.dockerfile.context;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.State;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How old a source is (section 5.6). */
public final class SourceTime {
  private static final Pattern COMMITTER =
      Pattern.compile("(?m)^committer .*> (\\d+) ([+-]\\d\\d)(\\d\\d)$");

  private SourceTime() {}

  /**
   * The time of the one source of a filesystem: of a commit, of a file behind a URL, or of the
   * newest file in such a file. Empty for a client's directory, and if it cannot be told.
   *
   * @param logName what users see
   */
  public static Optional<OffsetDateTime> of(GatewayClient client, State state, String logName)
      throws InterruptedException {
    MarshalOptions marshal = MarshalOptions.forDaemon(client.llbCaps());
    List<Definition.SourceStep> sources = state.marshal(marshal).sources();
    if (sources.size() != 1) {
      return Optional.empty();
    }
    Definition.SourceStep source = sources.getFirst();
    SourceMeta found =
        client.resolveSourceMeta(
            new SourceMetaRequest(
                source.identifier(),
                source.attributes(),
                Optional.empty(),
                logName,
                ResolveMode.DEFAULT,
                SourceMetaRequest.Image.CONFIG,
                source.identifier().startsWith("git://"),
                Optional.empty()));
    Optional<OffsetDateTime> committed =
        found
            .git()
            .filter(git -> git.commitObject().length > 0)
            .map(git -> committed(git.commitObject()));
    if (committed.isPresent()) {
      return committed;
    }
    Optional<Instant> modified = found.http().flatMap(SourceMeta.Http::lastModified);
    if (modified.isEmpty()) {
      modified = newestFile(client, source, marshal);
    }
    return modified.map(time -> OffsetDateTime.ofInstant(time, ZoneOffset.UTC));
  }

  private static OffsetDateTime committed(byte[] commit) {
    Matcher matcher = COMMITTER.matcher(new String(commit, StandardCharsets.UTF_8));
    if (!matcher.find()) {
      throw new DockerfileException("invalid commit: no committer");
    }
    try {
      return OffsetDateTime.ofInstant(
          Instant.ofEpochSecond(Long.parseLong(matcher.group(1))),
          ZoneOffset.of(matcher.group(2) + ":" + matcher.group(3)));
    } catch (DateTimeException | NumberFormatException e) {
      throw new DockerfileException("invalid commit: bad time", List.of(), e);
    }
  }

  private static Optional<Instant> newestFile(
      GatewayClient client, Definition.SourceStep source, MarshalOptions marshal)
      throws InterruptedException {
    String filename = source.attributes().getOrDefault("http.filename", "");
    if (!source.identifier().startsWith("http") || filename.isEmpty()) {
      return Optional.empty();
    }
    Reference file =
        Sources.solve(
            client, Llb.source(source.identifier(), source.attributes()).marshal(marshal), false);
    try {
      return Archives.newest(new FileInput(file, filename));
    } catch (InterruptedIOException e) {
      throw (InterruptedException) new InterruptedException(e.getMessage()).initCause(e);
    }
  }
}
