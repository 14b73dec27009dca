package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What digests are of that cache keys are made of: for {@code --save-cache-debug}. Kept over
 * restarts, and never removed. Safe for use by many threads.
 */
public final class DigestNotes implements AutoCloseable {
  private static final int MOST = 1 << 20;
  private static final Pattern DIGEST = Pattern.compile("\\bsha256:[a-f0-9]{64}\\b");

  /**
   * What a digest is of.
   *
   * @param content its beginning, all of it unless something was left out
   * @param omitted how many bytes follow that were not kept
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Note(Digest digest, CacheDigest.Kind kind, byte[] content, long omitted) {
    /** The digests that it was made of, as far as they stand in it. */
    public List<Digest> parts() {
      String text = new String(content, StandardCharsets.ISO_8859_1); // digests are ASCII
      List<Digest> out = new ArrayList<>();
      switch (kind) {
        case STRING -> {
          for (Matcher matcher = DIGEST.matcher(text); matcher.find(); ) {
            out.add(Digest.parse(matcher.group()));
          }
        }
        case DIGEST_LIST, FILE_LIST -> {
          for (String part : text.split("\0", -1)) {
            int at = part.lastIndexOf("sha256:"); // behind a name, of which it could be a part too
            if (at >= 0 && DIGEST.matcher(part.substring(at)).matches()) {
              out.add(Digest.parse(part.substring(at)));
            }
          }
        }
        case JSON, STRING_LIST, FILE -> {}
      }
      return out;
    }
  }

  private final MetadataStore store;

  private DigestNotes(MetadataStore store) {
    this.store = store;
  }

  /**
   * Opens notes, or begins some.
   *
   * @param directory theirs alone
   */
  public static DigestNotes open(Path directory) {
    return new DigestNotes(MetadataStore.open(directory));
  }

  /**
   * Notes what a digest is of. Returns at once; a note that cannot be written is lost.
   *
   * @param omitted how many bytes more were hashed after the content
   */
  void note(Digest digest, CacheDigest.Kind kind, byte[] content, long omitted) {
    byte[] kept = content.length > MOST ? Arrays.copyOf(content, MOST) : content;
    byte[] row =
        new Encoder()
            .text(kind.name())
            .number(omitted + content.length - kept.length)
            .bytes(kept)
            .toBytes();
    store.batch().put(Table.CACHE_DEBUG, digest.toString(), row).commitLater();
  }

  private static Note decode(Digest digest, byte[] row) {
    Decoder in = new Decoder(row);
    CacheDigest.Kind kind = CacheDigest.Kind.valueOf(in.text());
    long omitted = in.number();
    return new Note(digest, kind, in.bytes(), omitted);
  }

  public Optional<Note> find(Digest digest) {
    return store.get(Table.CACHE_DEBUG, digest.toString()).map(row -> decode(digest, row));
  }

  /** Hands over all, by their digests, until it wants no more. */
  public void forEach(Predicate<Note> reader) {
    store.scan(
        Table.CACHE_DEBUG,
        new byte[0],
        (key, row) ->
            reader.test(decode(Digest.parse(new String(key, StandardCharsets.US_ASCII)), row)));
  }

  @Override
  public void close() {
    store.close();
  }
}
