package dev.buildd.frontend.dockerfile.expand;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What a text came to.
 *
 * @param text all in one
 * @param words split at blanks outside quotes; a value splits too, words that are empty vanish
 * @param used names of the variables that were looked up and are set
 * @param unset names of the variables that were looked up and are not, in the order of looking up
 */
public record Expansion(String text, List<String> words, Set<String> used, Set<String> unset) {
  public Expansion {
    words = Collections.unmodifiableList(new ArrayList<>(words));
    used = Collections.unmodifiableSet(new LinkedHashSet<>(used));
    unset = Collections.unmodifiableSet(new LinkedHashSet<>(unset));
  }
}
