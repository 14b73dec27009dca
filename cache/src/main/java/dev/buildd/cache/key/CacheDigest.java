package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Digests of what cache keys are made of. What each is of is noted if the daemon was asked for it,
 * so that one can see in what two keys differ.
 *
 * <p>Such digests are made in many places, some of which know of no daemon; so whether and where
 * they are noted is of the process. Safe for use by many threads.
 */
public final class CacheDigest {
  /** What is hashed. */
  public enum Kind {
    JSON,
    STRING,
    /** Texts with a zero byte between them. */
    STRING_LIST,
    /** Digests with a zero byte between them. */
    DIGEST_LIST,
    /** Names and digests of files, each after a zero byte. */
    FILE_LIST,
    /** What is said of a file, then its data. */
    FILE;

    /** Its name, as BuildKit's debug pages tell it. */
    public String text() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private static volatile @Nullable DigestNotes notes;

  private CacheDigest() {}

  /** From now on digests are noted there; null for nowhere. */
  public static void noteIn(@Nullable DigestNotes where) {
    notes = where;
  }

  public static Digest of(Kind kind, String text) {
    return of(kind, text.getBytes(StandardCharsets.UTF_8));
  }

  public static Digest of(Kind kind, byte[] content) {
    Digest digest = Digest.of(content);
    DigestNotes where = notes;
    if (where != null) {
      where.note(digest, kind, content, 0);
    }
    return digest;
  }

  /**
   * Begins the digest of a file, whose data is to follow. Of the data only the length is noted.
   *
   * @param header what is said of the file
   */
  public static MessageDigest ofFile(byte[] header) {
    MessageDigest hash = Digest.newHash();
    hash.update(header);
    DigestNotes where = notes;
    return where == null ? hash : new Noting(hash, header, where);
  }

  /** The digest of a list of files, which may be long: it is kept only if it is noted. */
  public static final class FileList {
    private final MessageDigest hash = Digest.newHash();
    private final @Nullable DigestNotes where = notes;
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();

    public FileList add(byte... bytes) {
      hash.update(bytes);
      if (where != null) {
        content.writeBytes(bytes);
      }
      return this;
    }

    public Digest digest() {
      Digest digest = Digest.ofHash(hash.digest());
      if (where != null) {
        where.note(digest, Kind.FILE_LIST, content.toByteArray(), 0);
      }
      return digest;
    }
  }

  private static final class Noting extends MessageDigest {
    private final MessageDigest hash;
    private final byte[] header;
    private final DigestNotes where;
    private long data;

    Noting(MessageDigest hash, byte[] header, DigestNotes where) {
      super(hash.getAlgorithm());
      this.hash = hash;
      this.header = header;
      this.where = where;
    }

    @Override
    protected void engineUpdate(byte input) {
      hash.update(input);
      data++;
    }

    @Override
    protected void engineUpdate(byte[] input, int offset, int length) {
      hash.update(input, offset, length);
      data += length;
    }

    @Override
    protected byte[] engineDigest() {
      byte[] out = hash.digest();
      where.note(Digest.ofHash(out), Kind.FILE, header, data);
      return out;
    }

    @Override
    protected void engineReset() {
      hash.reset(); // the same file once more
      hash.update(header);
      data = 0;
    }
  }
}
