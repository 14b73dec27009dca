package dev.buildd.base.content;

import dev.buildd.base.error.BuildException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The identity of a sequence of bytes, written {@code algorithm:hex} (OCI image-spec, descriptor,
 * "digests").
 */
public record Digest(Algorithm algorithm, String hex) implements Comparable<Digest> {

  /** A hash function that names content. */
  public enum Algorithm {
    SHA256("SHA-256", 64),
    SHA384("SHA-384", 96),
    SHA512("SHA-512", 128);

    private final String javaName;
    private final int hexLength;

    Algorithm(String javaName, int hexLength) {
      this.javaName = javaName;
      this.hexLength = hexLength;
    }

    /** A new hash computation. */
    public MessageDigest newHash() {
      try {
        return MessageDigest.getInstance(javaName);
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("this JVM lacks " + javaName, e);
      }
    }

    /** The name as it stands in a digest, for example {@code sha256}. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final Pattern HEX = Pattern.compile("[0-9a-f]+");

  public Digest {
    if (hex.length() != algorithm.hexLength || !HEX.matcher(hex).matches()) {
      throw BuildException.invalid("not a digest: " + algorithm.text() + ":" + hex);
    }
  }

  /** Parses {@code sha256:...}; anything else is {@code INVALID_ARGUMENT}. */
  public static Digest parse(String text) {
    int colon = text.indexOf(':');
    if (colon > 0) {
      String name = text.substring(0, colon);
      for (Algorithm algorithm : Algorithm.values()) {
        if (algorithm.text().equals(name)) {
          return new Digest(algorithm, text.substring(colon + 1));
        }
      }
    }
    throw BuildException.invalid("not a digest: " + text);
  }

  /** The SHA-256 digest of the content. */
  public static Digest of(byte[] content) {
    return ofHash(newHash().digest(content));
  }

  /** The SHA-256 digest of the text in UTF-8. */
  public static Digest of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  /** The digest whose SHA-256 bytes are given. */
  public static Digest ofHash(byte[] sha256) {
    return new Digest(Algorithm.SHA256, HexFormat.of().formatHex(sha256));
  }

  /** Whether this is the content's digest. */
  public boolean isOf(byte[] content) {
    return hex.equals(HexFormat.of().formatHex(algorithm.newHash().digest(content)));
  }

  /** A new SHA-256 computation, to be ended by {@link #ofHash}. */
  public static MessageDigest newHash() {
    return Algorithm.SHA256.newHash();
  }

  @Override
  public int compareTo(Digest other) {
    return toString().compareTo(other.toString());
  }

  @Override
  public String toString() {
    return algorithm.text() + ":" + hex;
  }
}
