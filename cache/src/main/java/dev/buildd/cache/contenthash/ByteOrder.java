package dev.buildd.cache.contenthash;

import dev.buildd.base.linux.FileNames;
import java.util.Comparator;

/** Orders names as their bytes are ordered, those that are not UTF-8 included. */
enum ByteOrder implements Comparator<String> {
  INSTANCE;

  @Override
  public int compare(String a, String b) {
    int end = Math.min(a.length(), b.length());
    for (int i = 0; i < end; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        return Character.isSurrogate(x) || Character.isSurrogate(y)
            ? FileNames.compare(a, b)
            : Character.compare(x, y);
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
