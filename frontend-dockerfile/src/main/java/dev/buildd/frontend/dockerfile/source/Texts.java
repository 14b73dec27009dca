package dev.buildd.frontend.dockerfile.source;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Text made of bytes and back, so that bytes which are no UTF-8 survive: each is a lone surrogate
 * U+DC80 to U+DCFF. And what counts as blank.
 */
public final class Texts {
  private static final int RAW = 0xDC00;

  private Texts() {}

  /** The text of some bytes. */
  public static String decode(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (bytes[i] < 0) {
        return decodeUnicode(bytes, from, to);
      }
    }
    return new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
  }

  private static String decodeUnicode(byte[] bytes, int from, int to) {
    StringBuilder out = new StringBuilder(to - from);
    int i = from;
    while (i < to) {
      int first = bytes[i] & 0xFF;
      int length = first < 0x80 ? 1 : sequenceLength(first);
      int point = length == 0 || i + length > to ? -1 : codePoint(bytes, i, length);
      if (point < 0) {
        out.append((char) (RAW + first));
        i++;
      } else {
        out.appendCodePoint(point);
        i += length;
      }
    }
    return out.toString();
  }

  private static int sequenceLength(int first) {
    if (first < 0xC2 || first > 0xF4) {
      return 0;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  }

  /** The character that the sequence stands for; negative if it is none. */
  private static int codePoint(byte[] bytes, int at, int length) {
    int point = length == 1 ? bytes[at] : bytes[at] & (0x7F >> length);
    for (int i = 1; i < length; i++) {
      int next = bytes[at + i];
      if ((next & 0xC0) != 0x80) {
        return -1;
      }
      point = point << 6 | (next & 0x3F);
    }
    boolean overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    boolean surrogate = point >= 0xD800 && point <= 0xDFFF;
    return overlong || surrogate || point > Character.MAX_CODE_POINT ? -1 : point;
  }

  /** The bytes of a text, which for a decoded one are the bytes that it was made of. */
  public static byte[] encode(String text) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(text.length() + 16);
    int plain = 0;
    for (int i = 0; i < text.length(); i++) {
      if (isRaw(text, i)) {
        out.writeBytes(text.substring(plain, i).getBytes(StandardCharsets.UTF_8));
        out.write(text.charAt(i) - RAW);
        plain = i + 1;
      } else if (Character.isHighSurrogate(text.charAt(i))) {
        i++; // what follows belongs to it
      }
    }
    out.writeBytes(text.substring(plain).getBytes(StandardCharsets.UTF_8));
    return out.toByteArray();
  }

  private static boolean isRaw(String text, int i) {
    char c = text.charAt(i);
    return c >= RAW + 0x80 && c <= RAW + 0xFF;
  }

  /** The text with U+FFFD for each byte that is no UTF-8: what reads characters sees that. */
  public static String withoutRaw(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        return replaceRaw(text);
      }
    }
    return text;
  }

  private static String replaceRaw(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints().forEach(c -> out.appendCodePoint(isSurrogate(c) ? 0xFFFD : c));
    return out.toString();
  }

  private static boolean isSurrogate(int codePoint) {
    return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
  }

  /** Whether this is white space to Unicode and Go. */
  public static boolean isBlank(int c) {
    if (c < 0x80) {
      return c == ' ' || (c >= '\t' && c <= '\r');
    }
    return switch (c) {
      case 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
      default -> c >= 0x2000 && c <= 0x200A;
    };
  }

  /** Whether instructions are split here: a subset of the white space. */
  public static boolean separates(int c) {
    return c == ' ' || c == '\t' || c == 0x0B || c == '\f' || c == '\r';
  }

  public static String trimLeft(String text) {
    int from = 0;
    while (from < text.length() && isBlank(text.charAt(from))) {
      from++;
    }
    return text.substring(from);
  }

  public static String trim(String text) {
    int to = text.length();
    while (to > 0 && isBlank(text.charAt(to - 1))) {
      to--;
    }
    return trimLeft(text.substring(0, to));
  }
}
