package dev.buildd.snapshot.layer;

import com.github.luben.zstd.ZstdInputStream;
import com.github.luben.zstd.ZstdOutputStream;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.OptionalInt;
import java.util.zip.GZIPInputStream;

/** How an archive is compressed. */
public enum Compression {
  NONE("uncompressed", MediaType.OCI_LAYER),
  GZIP("gzip", MediaType.OCI_LAYER_GZIP),
  /** gzip to all who do not know {@link Estargz}; of archives alone. */
  ESTARGZ("estargz", MediaType.OCI_LAYER_GZIP),
  ZSTD("zstd", MediaType.OCI_LAYER_ZSTD);

  private static final int DEFAULT_GZIP_LEVEL = 6;
  private static final int DEFAULT_ZSTD_LEVEL = 3;
  private static final int MAX_GZIP_LEVEL = 9;
  private static final int MAX_ZSTD_LEVEL = 22;

  private final String text;
  private final String mediaType;

  Compression(String text, String mediaType) {
    this.text = text;
    this.mediaType = mediaType;
  }

  /** As in exporters' attributes. */
  public String text() {
    return text;
  }

  /** Of a layer so compressed, in OCI's spelling. */
  public String mediaType() {
    return mediaType;
  }

  /**
   * As in exporters' attributes.
   *
   * @throws BuildException {@code INVALID_ARGUMENT}
   */
  public static Compression parse(String text) {
    for (Compression one : values()) {
      if (one.text.equals(text)) {
        return one;
      }
    }
    throw BuildException.invalid("unsupported compression type " + text);
  }

  /** How a layer with that media type is compressed; unknown types, and eStargz, are gzip. */
  public static Compression ofLayer(String mediaType) {
    if (mediaType.endsWith("zstd")) {
      return ZSTD;
    }
    return mediaType.endsWith(".tar") ? NONE : GZIP;
  }

  /**
   * A stream that compresses into another one, which it closes. The same content gives the same
   * bytes on every machine. Not to be used by a thread that burns processor time.
   *
   * @param level the format's own; out of its range, the nearest
   */
  public OutputStream compress(OutputStream to, OptionalInt level) throws IOException {
    return switch (this) {
      case NONE -> to;
      case GZIP -> new GzipOutput(to, gzipLevel(level));
      case ESTARGZ -> new EstargzOutput(to, gzipLevel(level));
      case ZSTD -> {
        ZstdOutputStream out =
            new ZstdOutputStream(
                to, Math.clamp(level.orElse(DEFAULT_ZSTD_LEVEL), 1, MAX_ZSTD_LEVEL));
        // with any number of workers the bytes are the same, but not without one
        out.setWorkers(Runtime.getRuntime().availableProcessors());
        yield out;
      }
    };
  }

  private static int gzipLevel(OptionalInt level) {
    return Math.clamp(level.orElse(DEFAULT_GZIP_LEVEL), -1, MAX_GZIP_LEVEL);
  }

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
      case GZIP, ESTARGZ -> new GZIPInputStream(buffered, BUFFER);
      case ZSTD -> new ZstdInputStream(buffered).setContinuous(true);
    };
  }
}
