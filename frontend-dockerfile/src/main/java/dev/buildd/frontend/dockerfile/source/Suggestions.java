package dev.buildd.frontend.dockerfile.source;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** What a misspelled word may have been meant to be (dockerfile.md section 8.2). */
public final class Suggestions {
  /** Words that differ in this much are no misspellings of one another. */
  private static final int TOO_FAR = 3;

  private Suggestions() {}

  /** {@code (did you mean x?)} with a blank before it; empty if nothing is near. */
  public static String hint(String word, Collection<String> options) {
    return nearest(word, options).map(Suggestions::asHint).orElse("");
  }

  /** As {@link #hint}; letters are compared in lower case, and written as the word's are. */
  public static String hintOfAnyCase(String word, Collection<String> options) {
    String lower = word.toLowerCase(Locale.ROOT);
    Optional<String> near =
        nearest(lower, options.stream().map(o -> o.toLowerCase(Locale.ROOT)).toList());
    boolean shouted = !word.equals(lower) && word.equals(word.toUpperCase(Locale.ROOT));
    return near.map(n -> asHint(shouted ? n.toUpperCase(Locale.ROOT) : n)).orElse("");
  }

  /**
   * The first option of the nearest; none if one equals the word, for then the fault is another.
   */
  public static Optional<String> nearest(String word, Collection<String> options) {
    int[] letters = word.codePoints().toArray();
    int least = TOO_FAR;
    String nearest = "";
    for (String option : options) {
      if (option.equals(word)) {
        return Optional.empty();
      }
      int distance = distance(letters, option.codePoints().toArray(), least);
      if (distance < least) {
        least = distance;
        nearest = option;
      }
    }
    return nearest.isEmpty() ? Optional.empty() : Optional.of(nearest);
  }

  private static String asHint(String nearest) {
    return " (did you mean " + nearest + "?)";
  }

  /** Levenshtein's distance, or any number not below the limit. */
  private static int distance(int[] a, int[] b, int limit) {
    if (Math.abs(a.length - b.length) >= limit) {
      return limit;
    }
    int[] row = new int[b.length + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length; i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length; j++) {
        int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length];
  }
}
