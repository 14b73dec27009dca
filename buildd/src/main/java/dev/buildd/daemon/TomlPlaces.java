package dev.buildd.daemon;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where keys stand in a TOML file, which its parser does not tell. */
final class TomlPlaces {
  private static final String PART = "(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')";
  private static final String DOTTED = PART + "(?:\\s*\\.\\s*" + PART + ")*";
  private static final Pattern NAME = Pattern.compile(PART);
  private static final Pattern HEADER =
      Pattern.compile("^\\s*(\\[\\[?)\\s*(" + DOTTED + ")\\s*\\]");
  private static final Pattern ASSIGNED = Pattern.compile("^\\s*(" + DOTTED + ")\\s*=");
  private static final Pattern INLINE = Pattern.compile("[{,]\\s*(" + DOTTED + ")\\s*=");

  /**
   * A place in the text.
   *
   * @param line from 1 on
   * @param column from 1 on, in characters
   */
  record Place(int line, int column) {
    @Override
    public String toString() {
      return line + ":" + column;
    }
  }

  private final Map<String, Place> places = new HashMap<>();
  private final Set<String> arrays = new HashSet<>();

  /** Of a text that has been parsed without an error. */
  TomlPlaces(List<String> lines) {
    String table = "";
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      Matcher header = HEADER.matcher(line);
      Matcher assigned = ASSIGNED.matcher(line);
      if (header.find()) {
        if (header.group(1).equals("[[")) {
          arrays.add(String.join("\0", parts(header.group(2))));
        }
        table = key("", parts(header.group(2)));
        note(table, i, header.start(2));
      } else if (assigned.find()) {
        String key = key(table, parts(assigned.group(1)));
        note(key, i, assigned.start(1));
        Matcher inline = INLINE.matcher(line).region(assigned.end(), line.length());
        while (inline.find()) {
          note(key(key, parts(inline.group(1))), i, inline.start(1));
        }
      }
    }
  }

  private static List<String> parts(String dotted) {
    List<String> out = new ArrayList<>();
    Matcher names = NAME.matcher(dotted);
    while (names.find()) {
      String name = names.group();
      boolean quoted = name.startsWith("\"") || name.startsWith("'");
      out.add(quoted ? name.substring(1, name.length() - 1) : name);
    }
    return out;
  }

  /** Tables of an array have {@code []} after their name. */
  private String key(String table, List<String> parts) {
    StringBuilder key = new StringBuilder(table);
    for (String part : parts) {
      if (!key.isEmpty()) {
        key.append('\0');
      }
      key.append(part);
      if (arrays.contains(key.toString().replace("[]", ""))) {
        key.append("[]");
      }
    }
    return key.toString();
  }

  private void note(String key, int line, int column) {
    places.putIfAbsent(key, new Place(line + 1, column + 1));
  }

  /**
   * The first place where a key stands, else the one of the table that it is in.
   *
   * @param key its names, separated by zero characters
   */
  Place find(String key) {
    for (String at = key; !at.isEmpty(); ) {
      Place place = places.get(at);
      if (place != null) {
        return place;
      }
      int end = at.lastIndexOf('\0');
      at = end < 0 ? "" : at.substring(0, end);
    }
    return new Place(1, 1);
  }
}
