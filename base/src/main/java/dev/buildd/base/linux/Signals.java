package dev.buildd.base.linux;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Names of signals, without {@code SIG}. */
public final class Signals {
  private static final int MIN_REAL_TIME = 34; // glibc keeps two for itself
  private static final int MAX_REAL_TIME = 64;

  // by number, from 1 on, as on x86-64 and AArch64
  private static final List<String> STANDARD =
      List.of(
          "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
          "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
          "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS");
  private static final Map<String, Integer> ALIASES =
      Map.of("IOT", 6, "CLD", 17, "POLL", 29, "UNUSED", 31);
  private static final Map<String, Integer> NUMBERS = new HashMap<>(ALIASES);

  static {
    for (int i = 0; i < STANDARD.size(); i++) {
      NUMBERS.put(STANDARD.get(i), i + 1);
    }
    int middle = (MIN_REAL_TIME + MAX_REAL_TIME) / 2;
    for (int i = MIN_REAL_TIME; i <= MAX_REAL_TIME; i++) {
      if (i <= middle) {
        NUMBERS.put(i == MIN_REAL_TIME ? "RTMIN" : "RTMIN+" + (i - MIN_REAL_TIME), i);
      } else {
        NUMBERS.put(i == MAX_REAL_TIME ? "RTMAX" : "RTMAX-" + (MAX_REAL_TIME - i), i);
      }
    }
  }

  private Signals() {}

  /** The number of a signal; empty if there is none of that name. */
  public static OptionalInt number(String name) {
    Integer number = NUMBERS.get(name);
    return number == null ? OptionalInt.empty() : OptionalInt.of(number);
  }
}
