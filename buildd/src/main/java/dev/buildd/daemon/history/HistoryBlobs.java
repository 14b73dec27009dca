package dev.buildd.daemon.history;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.content.Digest;
import dev.buildd.base.text.Ids;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.Descriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What belongs to records and is too large to stand in them, by digest. */
final class HistoryBlobs {
  private final Path directory;

  HistoryBlobs(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
  }

  /** The digests of what belongs to the record. */
  static Set<String> of(BuildHistoryRecord record) {
    return Stream.of(
            record.getLogs(), record.getExternalError(), record.getTrace(), record.getExplanation())
        .map(Descriptor::getDigest)
        .filter(digest -> !digest.isEmpty())
        .collect(Collectors.toCollection(HashSet::new));
  }

  /** A blob to be. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Blob(Descriptor descriptor, byte[] content) {
    Blob(String mediaType, byte[] content) {
      this(
          Descriptor.newBuilder()
              .setMediaType(mediaType)
              .setDigest(Digest.of(content).toString())
              .setSize(content.length)
              .build(),
          content);
    }
  }

  void save(Blob blob) throws IOException {
    Path partial = directory.resolve("." + Ids.random());
    Files.write(partial, blob.content);
    Files.move(
        partial,
        file(blob.descriptor),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  /** Takes over a file, which is on the same file system. */
  void adopt(Descriptor blob, Path from) throws IOException {
    Files.move(
        from, file(blob), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  Path file(Descriptor blob) {
    return directory.resolve(Digest.parse(blob.getDigest()).hex());
  }

  Optional<Path> find(Digest digest) {
    Path file = directory.resolve(digest.hex());
    return digest.algorithm() == Digest.Algorithm.SHA256 && Files.isRegularFile(file)
        ? Optional.of(file)
        : Optional.empty();
  }

  void delete(String digest) {
    Cleanup.run(
        "delete " + digest + " of history",
        () -> Files.deleteIfExists(directory.resolve(Digest.parse(digest).hex())));
  }

  /** Deletes what was written just before a crash, and belongs to no record. */
  void keepOnly(Set<String> wanted) throws IOException {
    try (var files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        if (!wanted.contains("sha256:" + file.getFileName())) {
          Files.delete(file);
        }
      }
    }
  }
}
