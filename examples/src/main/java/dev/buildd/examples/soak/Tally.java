package dev.buildd.examples.soak;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What became of builds, counted, and whatever should not have been. Safe for many threads. */
final class Tally {
  private final long begun = System.nanoTime();
  private final Map<String, Map<String, Integer>> outcomes = new TreeMap<>(); // guarded by this
  private final List<String> faults = new ArrayList<>(); // guarded by this
  private int done; // guarded by this
  private int checked; // guarded by this
  private int askedAgain; // guarded by this

  /** Seconds since the soak began. */
  double seconds() {
    return (System.nanoTime() - begun) / 1e9;
  }

  /** A build has ended. */
  synchronized void ended(String kind, String outcome) {
    outcomes.computeIfAbsent(kind, _ -> new TreeMap<>()).merge(outcome, 1, Integer::sum);
    done++;
  }

  /** The daemon went away in a build, which is asked for again. */
  synchronized void askedAgain() {
    askedAgain++;
  }

  synchronized int timesAskedAgain() {
    return askedAgain;
  }

  synchronized void checked() {
    checked++;
  }

  /** Something that the soak fails of. */
  synchronized void fault(String what) {
    faults.add("%.0f s: %s".formatted(seconds(), what.strip()));
    say("FAULT " + what);
  }

  void say(String what) {
    System.out.printf("%7.1f s  %s%n", seconds(), what);
  }

  /** How many builds have ended. */
  synchronized int done() {
    return done;
  }

  /** How many results were compared with what they should be. */
  synchronized int checkedResults() {
    return checked;
  }

  synchronized List<String> faults() {
    return List.copyOf(faults);
  }

  /** Numbers of builds by kind and outcome. */
  synchronized Map<String, Map<String, Integer>> outcomes() {
    Map<String, Map<String, Integer>> out = new TreeMap<>();
    outcomes.forEach((kind, counts) -> out.put(kind, new TreeMap<>(counts)));
    return out;
  }
}
