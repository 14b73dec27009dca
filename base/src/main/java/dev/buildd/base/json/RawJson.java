package dev.buildd.base.json;

import dev.buildd.base.error.BuildException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A JSON object whose members keep the text they were written with, so that a document of which
 * only a part is understood can be changed without harm to the rest. What is written is what Go's
 * {@code encoding/json} makes of a map of raw messages: members sorted, nothing spaced, {@code < >
 * &} and U+2028/9 escaped.
 */
public final class RawJson {
  private final SortedMap<String, String> members;

  private RawJson(SortedMap<String, String> members) {
    this.members = members;
  }

  /**
   * Reads one object.
   *
   * @param what names the text in errors
   * @throws BuildException {@code INVALID_ARGUMENT} if the bytes are anything else
   */
  public static RawJson parse(byte[] text, String what) {
    Json.parseObject(text, what); // from here on it is known to be well-formed
    return new RawJson(new Splitter(new String(text, StandardCharsets.UTF_8)).members());
  }

  public boolean has(String name) {
    return members.containsKey(name);
  }

  /** Sets a member to a value as {@link Json} has them. */
  public void put(String name, @org.jspecify.annotations.Nullable Object value) {
    members.put(
        name, value == null ? "null" : new String(Json.bytes(value), StandardCharsets.UTF_8));
  }

  public byte[] toBytes() {
    StringBuilder out = new StringBuilder("{");
    for (Map.Entry<String, String> member : members.entrySet()) {
      if (out.length() > 1) {
        out.append(',');
      }
      GoJson.quote(out, member.getKey()).append(':').append(member.getValue());
    }
    return out.append('}').toString().getBytes(StandardCharsets.UTF_8);
  }

  /** Cuts a well-formed object into its members. */
  private static final class Splitter {
    private final String text;
    private int at;

    Splitter(String text) {
      this.text = text;
    }

    SortedMap<String, String> members() {
      SortedMap<String, String> out = new TreeMap<>();
      skipTo('{');
      at++;
      while (true) {
        skipSpace();
        if (text.charAt(at) == '}') {
          return out;
        }
        if (text.charAt(at) == ',') {
          at++;
          continue;
        }
        int start = at;
        skipString();
        String name =
            (String)
                Json.parseObject(
                        ("{\"k\":" + text.substring(start, at) + "}")
                            .getBytes(StandardCharsets.UTF_8),
                        "name")
                    .get("k");
        skipTo(':');
        at++;
        skipSpace();
        out.put(String.valueOf(name), value());
      }
    }

    private void skipTo(char c) {
      while (text.charAt(at) != c) {
        at++;
      }
    }

    private void skipSpace() {
      while (Character.isWhitespace(text.charAt(at))) {
        at++;
      }
    }

    private void skipString() {
      at++;
      while (text.charAt(at) != '"') {
        at += text.charAt(at) == '\\' ? 2 : 1;
      }
      at++;
    }

    /** One value without the space between its parts. */
    private String value() {
      StringBuilder out = new StringBuilder();
      int depth = 0;
      while (true) {
        char c = text.charAt(at);
        if (depth == 0 && (c == ',' || c == '}' || Character.isWhitespace(c))) {
          return out.toString();
        }
        if (c == '"') {
          int start = at;
          skipString();
          escape(out, text.substring(start, at));
          continue;
        }
        if (c == '{' || c == '[') {
          depth++;
        } else if (c == '}' || c == ']') {
          depth--;
        }
        if (!Character.isWhitespace(c)) {
          out.append(c);
        }
        at++;
        if (depth == 0 && (c == '}' || c == ']')) {
          return out.toString();
        }
      }
    }

    private static void escape(StringBuilder out, String string) {
      for (int i = 0; i < string.length(); i++) {
        char c = string.charAt(i);
        switch (c) {
          case '<' -> out.append("\\u003c");
          case '>' -> out.append("\\u003e");
          case '&' -> out.append("\\u0026");
          case '\u2028' -> out.append("\\u2028");
          case '\u2029' -> out.append("\\u2029");
          default -> out.append(c);
        }
      }
    }
  }
}
