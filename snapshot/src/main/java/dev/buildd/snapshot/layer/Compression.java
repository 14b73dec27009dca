package dev.buildd.snapshot.layer;

import com.github.luben.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;

/** How an archive is compressed, seen from its first bytes. */
public enum Compression {
  NONE,
  GZIP,
  ZSTD;

  private static final int BUFFER = 1 << 16;

  /** What a stream that begins like this holds. */
  public static Compression detect(byte[] start) {
    if (start.length >= 3 && begins(start, 0x1f, 0x8b, 0x08)) {
      return GZIP;
    }
    if (start.length >= 4) {
      // a frame, or one that decoders skip
      if (begins(start, 0x28, 0xb5, 0x2f, 0xfd)
          || ((start[0] & 0xf0) == 0x50
              && (start[1] & 0xff) == 0x2a
              && (start[2] & 0xff) == 0x4d
              && (start[3] & 0xff) == 0x18)) {
        return ZSTD;
      }
    }
    return NONE;
  }

  private static boolean begins(byte[] start, int... magic) {
    for (int i = 0; i < magic.length; i++) {
      if ((start[i] & 0xff) != magic[i]) {
        return false;
      }
    }
    return true;
  }

  /** The stream's content, whatever it is compressed with. Reading burns processor time. */
  public static InputStream decompress(InputStream in) throws IOException {
    BufferedInputStream buffered = new BufferedInputStream(in, BUFFER);
    buffered.mark(16);
    byte[] start = buffered.readNBytes(4);
    buffered.reset();
    return switch (detect(start)) {
      case NONE -> buffered;
      case GZIP -> new GZIPInputStream(buffered, BUFFER);
      case ZSTD -> new ZstdInputStream(buffered).setContinuous(true);
    };
  }
}
