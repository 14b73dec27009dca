package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.List;

/**
 * The flags in front of an instruction's arguments (dockerfile.md section 1.4). They are read byte
 * by byte, as BuildKit reads them: a character of several bytes becomes several characters.
 *
 * @param flags without quotes
 * @param rest what follows them, trimmed
 */
record Flags(List<String> flags, String rest) {
  static Flags of(String text, Escape escape) {
    int from = 0;
    while (from < text.length() && isBlank(text.charAt(from))) {
      from++;
    }
    if (!text.startsWith("--", from)) {
      return new Flags(List.of(), Texts.trim(text));
    }
    return new Scan(Texts.encode(text), escape).run(from);
  }

  /** Of bytes, which is what the blanks above 0x7F are. */
  private static boolean isBlank(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0;
  }

  private static final class Scan {
    private final byte[] text;
    private final char escape;
    private final List<String> flags = new ArrayList<>();
    private int at;

    Scan(byte[] text, Escape escape) {
      this.text = text;
      this.escape = escape.character();
    }

    Flags run(int from) {
      at = from;
      while (at + 1 < text.length && text[at] == '-' && text[at + 1] == '-') {
        String flag = word();
        if (flag.equals("--")) {
          break;
        }
        flags.add(flag);
        while (at < text.length && isBlank(text[at] & 0xFF)) {
          at++;
        }
      }
      return new Flags(flags, Texts.trim(Texts.decode(text, at, text.length)));
    }

    /** Up to a blank outside quotes. */
    private String word() {
      StringBuilder word = new StringBuilder();
      int quote = 0;
      while (at < text.length) {
        int c = text[at] & 0xFF;
        if (quote == 0 && isBlank(c)) {
          break;
        }
        at++;
        if (c == quote) {
          quote = 0;
        } else if (quote == 0 && (c == '\'' || c == '"')) {
          quote = c;
        } else if (c != escape) {
          word.append((char) c);
        } else if (at < text.length) {
          word.append((char) (text[at++] & 0xFF));
        }
      }
      return word.toString();
    }
  }
}
