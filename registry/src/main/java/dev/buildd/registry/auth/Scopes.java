package dev.buildd.registry.auth;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What a token is to allow: actions by resource, in one order however they were written
 * (distribution, token scope).
 */
public record Scopes(List<String> all) {
  public Scopes {
    all = List.copyOf(all);
  }

  /** Parses scopes with spaces between them. */
  public static Scopes parse(String text) {
    SortedMap<String, Set<String>> actions = new TreeMap<>();
    for (String scope : text.strip().split("\\s+")) {
      int type = scope.indexOf(':');
      int name = scope.lastIndexOf(':');
      boolean acts = type >= 0 && name > type;
      if (!scope.isEmpty()) {
        Set<String> known =
            actions.computeIfAbsent(acts ? scope.substring(0, name) : scope, k -> new TreeSet<>());
        if (acts) {
          known.addAll(List.of(scope.substring(name + 1).split(",")));
        }
      }
    }
    List<String> out = new ArrayList<>();
    actions.forEach(
        (name, some) -> out.add(some.isEmpty() ? name : name + ":" + String.join(",", some)));
    return new Scopes(out);
  }

  /** These and those. */
  public Scopes and(Scopes those) {
    return parse(this + " " + those);
  }

  /** As they are written in one line. */
  @Override
  public String toString() {
    return String.join(" ", all);
  }
}
