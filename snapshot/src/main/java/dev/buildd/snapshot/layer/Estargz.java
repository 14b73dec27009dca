package dev.buildd.snapshot.layer;

import dev.buildd.base.io.BlockInput;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * The form of a layer in eStargz (stargz-snapshotter, docs/estargz.md): a tar archive in many
 * members of gzip, so that each piece of a file can be read alone; after the archive's end marks a
 * second archive with the table of contents, TOC; an empty member tells where that begins. To all
 * who do not know of it, it is the first archive, compressed by gzip.
 */
public final class Estargz {
  /** Annotations of such layers in manifests. */
  public static final String TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest";

  public static final String UNCOMPRESSED_SIZE = "io.containers.estargz.uncompressed-size";

  /** The bytes at the end that tell where the TOC begins. */
  public static final int FOOTER_SIZE = 51;

  static final String TOC_NAME = "stargz.index.json";

  private static final String MAGIC = "STARGZ";
  private static final int OFFSET_AT = 16;
  private static final int OFFSET_DIGITS = 16;
  private static final byte[] BEFORE_OFFSET = {
    0x1f, (byte) 0x8b, 8, 4, 0, 0, 0, 0, 0, (byte) 0xff, 26, 0, 'S', 'G', 22, 0
  };
  private static final byte[] EMPTY_BLOCK_AND_TRAILER = {
    1, 0, 0, (byte) 0xff, (byte) 0xff, 0, 0, 0, 0, 0, 0, 0, 0
  };

  private Estargz() {}

  static byte[] footer(long tocOffset) {
    byte[] out = new byte[FOOTER_SIZE];
    byte[] offset = "%016x%s".formatted(tocOffset, MAGIC).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(BEFORE_OFFSET, 0, out, 0, OFFSET_AT);
    System.arraycopy(offset, 0, out, OFFSET_AT, offset.length);
    System.arraycopy(
        EMPTY_BLOCK_AND_TRAILER, 0, out, OFFSET_AT + offset.length, EMPTY_BLOCK_AND_TRAILER.length);
    return out;
  }

  /** Where the TOC begins in a blob with that end; empty if it is no eStargz. */
  public static OptionalLong tocOffset(byte[] footer) {
    int digitsEnd = OFFSET_AT + OFFSET_DIGITS;
    if (footer.length != FOOTER_SIZE
        || !Arrays.equals(footer, 0, 4, BEFORE_OFFSET, 0, 4)
        || !Arrays.equals(footer, 10, OFFSET_AT, BEFORE_OFFSET, 10, OFFSET_AT)
        || !MAGIC.equals(
            new String(footer, digitsEnd, MAGIC.length(), StandardCharsets.US_ASCII))) {
      return OptionalLong.empty();
    }
    String digits = new String(footer, OFFSET_AT, OFFSET_DIGITS, StandardCharsets.US_ASCII);
    return digits.matches("0[0-9a-f]{15}")
        ? OptionalLong.of(Long.parseLong(digits, 16))
        : OptionalLong.empty();
  }

  /**
   * The layer's archive as it was before it became eStargz.
   *
   * @param blob from its beginning
   */
  public static InputStream archive(InputStream blob, long tocOffset) throws IOException {
    return Compression.decompress(new Beginning(blob, tocOffset));
  }

  /** The first bytes of a stream. */
  private static final class Beginning extends BlockInput {
    private final InputStream in;
    private long left;

    Beginning(InputStream in, long length) {
      this.in = in;
      this.left = length;
    }

    @Override
    public int read(byte[] to, int at, int length) throws IOException {
      if (left == 0) {
        return -1;
      }
      int n = in.read(to, at, (int) Math.min(length, left));
      left -= Math.max(n, 0);
      return n;
    }

    @Override
    public int available() throws IOException {
      return (int) Math.min(in.available(), left);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
