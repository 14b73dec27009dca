package dev.buildd.base.pattern;

import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An ordered list of patterns as in a {@code .dockerignore} file: a later {@code !pattern} takes
 * back what an earlier one matched, {@code **} crosses directories, and what matches a directory
 * matches all below it (moby/patternmatcher). Immutable; time is linear in the path's length.
 */
public final class PatternMatcher {
  private final List<Pattern> patterns;
  private final boolean exclusions;

  /** One pattern of a matcher. */
  public static final class Pattern {
    private enum Kind {
      EXACT,
      PREFIX,
      SUFFIX,
      GLOB
    }

    private final String text;
    private final boolean exclusion;
    private final Kind kind;
    private final @Nullable Glob glob;

    private Pattern(String text, boolean exclusion) {
      this.text = text;
      this.exclusion = exclusion;
      Glob.compile(text, false); // syntax errors are those of filepath.Match
      this.kind = kindOf(text);
      this.glob = kind == Kind.GLOB ? Glob.compile(text, true) : null;
    }

    // "**" at either end of plain text does not stop at a separator: "**go" matches "a/b.go"
    private static Kind kindOf(String text) {
      if (isPlain(text)) {
        return Kind.EXACT;
      }
      if (text.startsWith("**") && isPlain(text.substring(2))) {
        return Kind.SUFFIX;
      }
      if (text.endsWith("**") && isPlain(text.substring(0, text.length() - 2))) {
        return Kind.PREFIX;
      }
      return Kind.GLOB;
    }

    private static boolean isPlain(String text) {
      for (int i = 0; i < text.length(); i++) {
        if ("*?[]\\".indexOf(text.charAt(i)) >= 0) {
          return false;
        }
      }
      return true;
    }

    /** The cleaned pattern, without the exclamation mark. */
    public String text() {
      return text;
    }

    /** Whether it takes back what an earlier pattern matched. */
    public boolean isExclusion() {
      return exclusion;
    }

    boolean matches(String path) {
      return switch (kind) {
        case EXACT -> path.equals(text);
        case PREFIX -> path.regionMatches(0, text, 0, text.length() - 2);
        case SUFFIX -> {
          String suffix = text.substring(2);
          yield path.endsWith(suffix)
              || (suffix.startsWith("/") && path.equals(suffix.substring(1)));
        }
        case GLOB -> glob != null && glob.matches(path);
      };
    }
  }

  /**
   * Which patterns matched a directory, to be handed on to what is in it. {@link #none} is that of
   * a path whose parents were not looked at.
   */
  public static final class Matches {
    private static final Matches NONE = new Matches(Optional.empty());
    private final Optional<BitSet> patterns;

    private Matches(Optional<BitSet> patterns) {
      this.patterns = patterns;
    }

    public static Matches none() {
      return NONE;
    }
  }

  /**
   * An answer.
   *
   * @param matched whether the path as a whole is matched
   * @param matches what to pass on for the path's children
   */
  public record Result(boolean matched, Matches matches) {}

  private PatternMatcher(List<Pattern> patterns) {
    this.patterns = List.copyOf(patterns);
    this.exclusions = patterns.stream().anyMatch(Pattern::isExclusion);
  }

  /** Compiles the patterns; blank ones are dropped, malformed ones are {@code INVALID_ARGUMENT}. */
  public static PatternMatcher compile(List<String> patterns) {
    List<Pattern> compiled = new ArrayList<>();
    for (String pattern : patterns) {
      String text = pattern.strip();
      if (text.isEmpty()) {
        continue;
      }
      text = GoPath.clean(text);
      boolean exclusion = text.startsWith("!");
      if (exclusion) {
        text = text.substring(1);
        if (text.isEmpty()) {
          throw BuildException.invalid("illegal exclusion pattern: \"!\"");
        }
      }
      compiled.add(new Pattern(text, exclusion));
    }
    return new PatternMatcher(compiled);
  }

  public List<Pattern> patterns() {
    return patterns;
  }

  /** Whether any pattern begins with an exclamation mark. */
  public boolean hasExclusions() {
    return exclusions;
  }

  /** Whether the path, or a directory above it, is matched and not taken back. */
  public boolean matchesOrParentMatches(String path) {
    boolean matched = false;
    for (Pattern pattern : patterns) {
      if (pattern.exclusion == matched && matchesUpwards(pattern, path)) {
        matched = !pattern.exclusion;
      }
    }
    return matched;
  }

  /**
   * As {@link #matchesOrParentMatches}, for a walk from the top: what the parent directory matched
   * is given instead of found out again.
   */
  public Result match(String path, Matches parent) {
    BitSet inherited = parent.patterns.orElse(null);
    BitSet own = new BitSet(patterns.size());
    boolean matched = false;
    for (int i = 0; i < patterns.size(); i++) {
      Pattern pattern = patterns.get(i);
      boolean match = inherited != null && inherited.get(i);
      if (!match) {
        if (pattern.exclusion != matched) {
          continue;
        }
        match = inherited == null ? matchesUpwards(pattern, path) : pattern.matches(path);
      }
      if (match) {
        own.set(i);
        matched = !pattern.exclusion;
      }
    }
    return new Result(matched, new Matches(Optional.of(own)));
  }

  private static boolean matchesUpwards(Pattern pattern, String path) {
    if (pattern.matches(path)) {
      return true;
    }
    for (int slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      if (pattern.matches(path.substring(0, slash))) {
        return true;
      }
    }
    return false;
  }
}
