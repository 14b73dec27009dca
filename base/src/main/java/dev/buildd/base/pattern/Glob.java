package dev.buildd.base.pattern;

import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A compiled pattern: a list of steps run as a set of positions, so that time is at most pattern
 * length times path length.
 */
final class Glob {
  private sealed interface Step {
    /** One given character. */
    record Literal(int character) implements Step {}

    /** One character but the separator. */
    record One() implements Step {}

    /** Any characters but the separator. */
    record Star() implements Step {}

    /** Nothing, or any characters up to and with a separator. */
    record Directories() implements Step {}

    /** Any characters. */
    record Everything() implements Step {}

    /** One character in (or not in) the ranges, given as pairs. */
    record OneOf(boolean negated, int[] ranges) implements Step {
      boolean holds(int c) {
        for (int i = 0; i < ranges.length; i += 2) {
          if (ranges[i] <= c && c <= ranges[i + 1]) {
            return !negated;
          }
        }
        return negated;
      }
    }
  }

  private final Step[] steps;

  private Glob(List<Step> steps) {
    this.steps = steps.toArray(Step[]::new);
  }

  /** Compiles; with {@code doubleStar}, {@code **} crosses directories. */
  static Glob compile(String pattern, boolean doubleStar) {
    List<Step> steps = new ArrayList<>();
    int i = 0;
    while (i < pattern.length()) {
      int c = pattern.codePointAt(i);
      i += Character.charCount(c);
      switch (c) {
        case '*' -> {
          if (doubleStar && i < pattern.length() && pattern.charAt(i) == '*') {
            i++;
            if (i < pattern.length() && pattern.charAt(i) == '/') {
              i++;
            }
            steps.add(i == pattern.length() ? new Step.Everything() : new Step.Directories());
          } else {
            steps.add(new Step.Star());
          }
        }
        case '?' -> steps.add(new Step.One());
        case '[' -> i = characterClass(pattern, i, steps);
        case '\\' -> {
          if (i == pattern.length()) {
            throw bad(pattern);
          }
          int escaped = pattern.codePointAt(i);
          i += Character.charCount(escaped);
          steps.add(new Step.Literal(escaped));
        }
        default -> steps.add(new Step.Literal(c));
      }
    }
    return new Glob(steps);
  }

  private static int characterClass(String pattern, int start, List<Step> steps) {
    int i = start;
    boolean negated = i < pattern.length() && pattern.charAt(i) == '^';
    if (negated) {
      i++;
    }
    int[] ranges = new int[4];
    int n = 0;
    while (true) {
      if (i >= pattern.length()) {
        throw bad(pattern);
      }
      if (pattern.charAt(i) == ']' && n > 0) {
        break;
      }
      int low = classCharacter(pattern, i);
      i = afterClassCharacter(pattern, i);
      int high = low;
      if (i < pattern.length() && pattern.charAt(i) == '-') {
        high = classCharacter(pattern, i + 1);
        i = afterClassCharacter(pattern, i + 1);
      }
      if (n == ranges.length) {
        ranges = Arrays.copyOf(ranges, 2 * n);
      }
      ranges[n++] = low;
      ranges[n++] = high;
    }
    steps.add(new Step.OneOf(negated, Arrays.copyOf(ranges, n)));
    return i + 1;
  }

  private static int classCharacter(String pattern, int at) {
    if (at >= pattern.length() || pattern.charAt(at) == '-' || pattern.charAt(at) == ']') {
      throw bad(pattern);
    }
    int from = pattern.charAt(at) == '\\' ? at + 1 : at;
    if (from >= pattern.length()) {
      throw bad(pattern);
    }
    return pattern.codePointAt(from);
  }

  private static int afterClassCharacter(String pattern, int at) {
    int from = pattern.charAt(at) == '\\' ? at + 1 : at;
    return from + Character.charCount(pattern.codePointAt(from));
  }

  private static BuildException bad(String pattern) {
    return BuildException.invalid("syntax error in pattern: " + pattern);
  }

  boolean matches(String text) {
    boolean[] now = new boolean[steps.length + 1];
    boolean[] next = new boolean[steps.length + 1];
    enter(now, 0);
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      Arrays.fill(next, false);
      boolean alive = false;
      for (int at = 0; at < steps.length; at++) {
        if (now[at]) {
          alive |= advance(next, at, c);
        }
      }
      if (!alive) {
        return false;
      }
      boolean[] swap = now;
      now = next;
      next = swap;
    }
    return now[steps.length];
  }

  private boolean advance(boolean[] next, int at, int c) {
    return switch (steps[at]) {
      case Step.Literal(int wanted) -> c == wanted && enter(next, at + 1);
      case Step.One() -> c != '/' && enter(next, at + 1);
      case Step.OneOf one -> one.holds(c) && enter(next, at + 1);
      case Step.Star() -> c != '/' && enter(next, at);
      case Step.Everything() -> enter(next, at);
      case Step.Directories() -> {
        next[at] = true; // inside: only a separator leads out of it
        if (c == '/') {
          enter(next, at + 1);
        }
        yield true;
      }
    };
  }

  /** Marks a position, and those after it that need no character. */
  private boolean enter(boolean[] positions, int at) {
    int i = at;
    while (true) {
      positions[i] = true;
      if (i == steps.length) {
        return true;
      }
      boolean optional =
          switch (steps[i]) {
            case Step.Star(), Step.Directories(), Step.Everything() -> true;
            case Step.Literal l -> false;
            case Step.One() -> false;
            case Step.OneOf o -> false;
          };
      if (!optional) {
        return true;
      }
      i++;
    }
  }
}
