package dev.buildd.base.linux;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Names of files as text and as bytes (docs/adr/0003). Linux's names are bytes. Text is UTF-8, and
 * where a name is not, each byte that does not fit stands as the private character U+10FE00 plus
 * the byte, so that no name is lost and each text means one name. Those characters themselves, in a
 * name that has them, are bytes that do not fit.
 *
 * <p>{@link Linux} takes paths made of such text. The JDK does not know it: it is given {@link
 * #raw} paths.
 */
public final class FileNames {
  private static final int ESCAPE = 0x10FE00;
  private static final char ESCAPE_LEAD = Character.highSurrogate(ESCAPE);

  /** What the JDK writes paths in; unless that is UTF-8, names are what it makes of them. */
  private static final Charset CHARSET = charset();

  private static final boolean UTF_8 = CHARSET.equals(StandardCharsets.UTF_8);

  private static final char REPLACEMENT = '\uFFFD'; // the JDK's, for bytes that do not fit

  private FileNames() {}

  private static Charset charset() {
    String name = System.getProperty("sun.jnu.encoding", "UTF-8");
    return Charset.isSupported(name) ? Charset.forName(name) : StandardCharsets.UTF_8;
  }

  /** The text that stands for a name or a path. */
  public static String text(byte[] name) {
    for (byte b : name) {
      if (b < 0) {
        return UTF_8 ? decoded(name) : new String(name, CHARSET);
      }
    }
    return new String(name, StandardCharsets.US_ASCII);
  }

  private static String decoded(byte[] name) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder(); // reports what does not fit
    ByteBuffer in = ByteBuffer.wrap(name);
    CharBuffer out = CharBuffer.allocate(2 * name.length); // an escaped byte is two chars
    while (true) {
      CoderResult result = decoder.decode(in, out, true);
      if (result.isUnderflow()) {
        break;
      }
      for (int i = 0; i < result.length(); i++) {
        out.put(Character.toChars(ESCAPE + (in.get() & 0xff)));
      }
      decoder.reset();
    }
    String text = out.flip().toString();
    return isEscaped(text) && !Arrays.equals(bytes(text), name) ? bytewise(name) : text;
  }

  /** The rare name in which valid text looks as if it stood for something else. */
  private static String bytewise(byte[] name) {
    StringBuilder out = new StringBuilder();
    for (byte b : name) {
      out.appendCodePoint(b < 0 ? ESCAPE + (b & 0xff) : b);
    }
    return out.toString();
  }

  /** The bytes that a text stands for. */
  public static byte[] bytes(String text) {
    if (!isEscaped(text)) {
      return text.getBytes(CHARSET);
    }
    ByteBuffer out = ByteBuffer.allocate(text.length() * 3);
    text.codePoints()
        .forEach(c -> {
          if (isEscape(c)) {
            out.put((byte) c);
          } else {
            out.put(Character.toString(c).getBytes(StandardCharsets.UTF_8));
          }
        });
    byte[] bytes = new byte[out.flip().remaining()];
    out.get(bytes);
    return bytes;
  }

  private static boolean isEscape(int codePoint) {
    return codePoint >= ESCAPE + 0x80 && codePoint <= ESCAPE + 0xff;
  }

  private static boolean isEscaped(String text) {
    return UTF_8
        && text.indexOf(ESCAPE_LEAD) >= 0
        && text.codePoints().anyMatch(FileNames::isEscape);
  }

  /** Orders texts as the bytes they stand for are ordered, which is how Go orders them. */
  public static int compare(String a, String b) {
    return Arrays.compareUnsigned(bytes(a), bytes(b));
  }

  /** The path as the JDK takes it, in its {@code Files}: its own text may have lost bytes. */
  public static Path raw(Path path) {
    if (!isEscaped(path.toString())) {
      return path;
    }
    StringBuilder uri = new StringBuilder("file://");
    for (byte b : bytes(path.toAbsolutePath().toString())) {
      uri.append(b == '/' ? "/" : "%" + HexFormat.of().withUpperCase().toHexDigits(b));
    }
    return Path.of(URI.create(uri.toString()));
  }

  /** What is in a directory, in the order of the directory. */
  public static List<Path> list(Path directory) throws IOException {
    return list(directory, 0);
  }

  /**
   * As {@link #list(Path)}, under rules of {@code openat2(2)}. The JDK would open whatever has the
   * name, a device or a FIFO too, before it says that it is no directory: so the kernel is asked
   * for a directory first.
   */
  static List<Path> list(Path directory, long resolve) throws IOException {
    int held;
    try {
      int flags = Linux.O_PATH | Linux.O_DIRECTORY;
      String path = directory.toString().isEmpty() ? "." : directory.toString();
      held = Linux.openat2(Linux.AT_FDCWD, path, flags, 0, resolve);
    } catch (LinuxException e) {
      throw switch (e.errno()) {
        case Errno.ENOENT -> new NoSuchFileException(directory.toString());
        case Errno.ENOTDIR -> new NotDirectoryException(directory.toString());
        default -> e;
      };
    }
    try {
      return entries(Path.of(TreeFiles.again(held)), directory);
    } finally {
      Linux.close(held);
    }
  }

  private static List<Path> entries(Path opened, Path directory) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(opened)) {
      List<Path> out = new ArrayList<>();
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        boolean lost = UTF_8 && (name.indexOf(REPLACEMENT) >= 0 || isEscaped(name));
        out.add(directory.resolve(lost ? text(lastName(entry.toUri())) : name));
      }
      return out;
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  /** The bytes of the last part of a path, which only its address keeps. */
  private static byte[] lastName(URI path) {
    String raw = path.getRawPath();
    String whole = raw.endsWith("/") ? raw.substring(0, raw.length() - 1) : raw;
    String name = whole.substring(whole.lastIndexOf('/') + 1);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < name.length(); i++) {
      if (name.charAt(i) == '%') {
        out.write(HexFormat.fromHexDigits(name, i + 1, i + 3));
        i += 2;
      } else {
        out.write(name.charAt(i));
      }
    }
    return out.toByteArray();
  }
}
