package dev.buildd.frontend.dockerfile.expand;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.Arrays;

/**
 * A pattern of {@code ${name#pattern}} and its like: {@code *} is any run, {@code ?} any character,
 * of one line; brackets are ordinary (dockerfile.md section 2.1). Time is linear in text and
 * pattern, for the text is somebody else's.
 */
final class ShellPattern {
  private static final int ANY = -1;
  private static final int RUN = -2;
  private static final int NONE = Integer.MAX_VALUE;

  private final int[] tokens;

  /** Characters of the value, from the first to before the last. */
  private record Match(int from, int to) {}

  private ShellPattern(int[] tokens) {
    this.tokens = tokens;
  }

  static ShellPattern parse(String pattern) {
    int[] letters = pattern.codePoints().toArray();
    int[] tokens = new int[letters.length];
    int count = 0;
    for (int i = 0; i < letters.length; i++) {
      int c = letters[i];
      int next = i + 1 < letters.length ? letters[i + 1] : -1;
      if (c == '*') {
        tokens[count++] = RUN;
      } else if (c == '?') {
        tokens[count++] = ANY;
      } else if (c != '\\') {
        tokens[count++] = c;
      } else if (next == '*' || next == '?' || next == '\\') {
        tokens[count++] = next;
        i++;
      } else if (next != '}' && next != '/') { // of those two the escape has had its effect
        throw new DockerfileException(
            "invalid pattern ("
                + pattern
                + ") in substitution: invalid escape '\\"
                + (next < 0 ? "\uFFFD" : Character.toString(next))
                + "'");
      }
    }
    return new ShellPattern(Arrays.copyOf(tokens, count));
  }

  static String withoutPrefix(String value, String pattern, boolean longest) {
    int[] letters = value.codePoints().toArray();
    int end = parse(pattern).prefix(letters, longest);
    return new String(letters, end, letters.length - end);
  }

  /** From the end everything is a prefix; faults of the pattern show it from there, too. */
  static String withoutSuffix(String value, String pattern, boolean longest) {
    int[] letters = reversed(value.codePoints().toArray());
    int end = parse(reversedPattern(pattern)).prefix(letters, longest);
    return new String(
        reversed(Arrays.copyOfRange(letters, end, letters.length)), 0, letters.length - end);
  }

  private static int[] reversed(int[] letters) {
    int[] out = new int[letters.length];
    for (int i = 0; i < letters.length; i++) {
      out[letters.length - 1 - i] = letters[i];
    }
    return out;
  }

  /** With escapes still in front of what they escape. */
  private static String reversedPattern(String pattern) {
    int[] letters = pattern.codePoints().toArray();
    int[] out = new int[letters.length];
    int last = letters.length - 1;
    for (int i = 0; i <= last; i++) {
      if (letters[i] == '\\' && i != last) {
        out[last - i - 1] = letters[i];
        out[last - i] = letters[i + 1];
        i++;
      } else {
        out[last - i] = letters[i];
      }
    }
    return new String(out, 0, out.length);
  }

  /** Where the shortest or longest match at the start ends; 0 if there is none. */
  private int prefix(int[] value, boolean longest) {
    int[] from = new int[tokens.length + 1];
    Arrays.fill(from, NONE);
    enter(from, 0, 0);
    int end = 0;
    for (int i = 0; ; i++) {
      if (from[tokens.length] != NONE) {
        end = i;
        if (!longest) {
          return end;
        }
      }
      if (i == value.length || !step(from, value[i])) {
        return end;
      }
    }
  }

  String replaceFirst(String value, String replacement) {
    int[] letters = value.codePoints().toArray();
    Match match = find(letters, 0);
    if (match.from() == NONE) {
      return value;
    }
    return new String(letters, 0, match.from())
        + replacement
        + new String(letters, match.to(), letters.length - match.to());
  }

  String replaceAll(String value, String template) {
    int[] letters = value.codePoints().toArray();
    StringBuilder out = new StringBuilder();
    int copied = 0;
    int search = 0;
    while (search <= letters.length) {
      Match match = find(letters, search);
      if (match.from() == NONE) {
        break;
      }
      append(out, letters, copied, match.from());
      boolean emptyAfterMatch = match.to() == copied && match.from() != 0;
      if (!emptyAfterMatch) {
        StringBuilder matched = new StringBuilder();
        append(matched, letters, match.from(), match.to());
        Template.append(out, template, matched);
      }
      copied = match.to();
      search = Math.max(search + 1, match.to());
    }
    append(out, letters, copied, letters.length);
    return out.toString();
  }

  private static void append(StringBuilder out, int[] letters, int from, int to) {
    for (int i = from; i < to; i++) {
      out.appendCodePoint(letters[i]);
    }
  }

  /** The leftmost match, and of those the longest. */
  private Match find(int[] value, int search) {
    int[] from = new int[tokens.length + 1];
    Arrays.fill(from, NONE);
    int bestFrom = NONE;
    int bestTo = 0;
    for (int i = search; ; i++) {
      if (bestFrom == NONE) {
        enter(from, 0, i);
      }
      if (from[tokens.length] <= bestFrom && from[tokens.length] != NONE) {
        bestFrom = from[tokens.length];
        bestTo = i;
      }
      if (i == value.length) {
        break;
      }
      boolean alive = step(from, value[i]);
      if (bestFrom != NONE && !(alive && anyUpTo(from, bestFrom))) {
        break;
      }
    }
    return new Match(bestFrom, bestTo);
  }

  private static boolean anyUpTo(int[] from, int limit) {
    for (int start : from) {
      if (start <= limit) {
        return true;
      }
    }
    return false;
  }

  /** Notes that a match which began there has come to this token; a run may be empty. */
  private void enter(int[] from, int token, int start) {
    int at = token;
    while (from[at] > start) {
      from[at] = start;
      if (at == tokens.length || tokens[at] != RUN) {
        return;
      }
      at++;
    }
  }

  /** Goes on by one character; false if no match can come of it. */
  private boolean step(int[] from, int c) {
    boolean alive = false;
    int arriving = NONE; // at the next token, from the one before
    for (int at = 0; at <= tokens.length; at++) {
      int here = from[at];
      int leaving = NONE;
      int staying = NONE;
      if (here != NONE && at < tokens.length) {
        if (tokens[at] == RUN) {
          staying = c == '\n' ? NONE : here;
        } else if (tokens[at] == c || (tokens[at] == ANY && c != '\n')) {
          leaving = here;
        }
      }
      from[at] = Math.min(arriving, staying);
      alive |= from[at] != NONE;
      // a run that has been reached may be empty, so that what follows it is reached too
      boolean passes = at < tokens.length && tokens[at] == RUN;
      arriving = Math.min(leaving, passes ? from[at] : NONE);
    }
    return alive;
  }
}
