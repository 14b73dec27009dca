package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import java.util.HexFormat;
import java.util.Optional;

/**
 * How keys, links and results are written into the keys of rows. No form is the beginning of
 * another one, so that rows are found by what they begin with.
 */
final class KeyRows {
  private static final int TEXT = 0;
  private static final int SHA256 = 1;

  private KeyRows() {}

  static Encoder of(CacheKeyId key) {
    return name(new Encoder(), key.value());
  }

  static Encoder of(String resultId) {
    return new Encoder().text(resultId);
  }

  /** A key that follows from another by a link. */
  record Step(CacheKeyId from, CacheLink link, CacheKeyId to) {
    /** The row's key, by where the link begins. */
    byte[] out() {
      return name(writeLink(of(from), link), to.value()).toBytes();
    }

    /** The row's key, by where the link ends. */
    byte[] in() {
      return writeLink(name(of(to), from.value()), link).toBytes();
    }

    static Step ofOut(byte[] row) {
      Decoder in = new Decoder(row);
      return new Step(key(in), readLink(in), key(in));
    }

    static Step ofIn(byte[] row) {
      Decoder in = new Decoder(row);
      CacheKeyId to = key(in);
      return new Step(key(in), readLink(in), to);
    }
  }

  static Encoder writeLink(Encoder out, CacheLink link) {
    name(out.number(link.input()), link.step().value()).flag(link.selector().isPresent());
    link.selector().ifPresent(digest -> name(out, digest.toString()));
    return out;
  }

  static CacheLink readLink(Decoder in) {
    return new CacheLink(
        (int) in.number(),
        key(in),
        in.flag() ? Optional.of(Digest.parse(name(in))) : Optional.empty());
  }

  static CacheKeyId key(Decoder in) {
    return new CacheKeyId(name(in));
  }

  /** A name in as few bytes as it needs: usually it is a digest. */
  private static Encoder name(Encoder out, String name) {
    if (name.length() == 71 && name.startsWith("sha256:")) {
      try {
        byte[] raw = HexFormat.of().parseHex(name, 7, 71);
        if (Digest.ofHash(raw).toString().equals(name)) {
          return out.oneByte(SHA256).raw(raw);
        }
      } catch (IllegalArgumentException | BuildException e) {
        // not a digest after all
      }
    }
    return out.oneByte(TEXT).text(name);
  }

  private static String name(Decoder in) {
    return in.oneByte() == SHA256 ? Digest.ofHash(in.raw(32)).toString() : in.text();
  }
}
