package dev.buildd.cache.contenthash;

import java.util.Comparator;

/** Orders text as its UTF-8 bytes are ordered. */
enum ByteOrder implements Comparator<String> {
  INSTANCE;

  @Override
  public int compare(String a, String b) {
    int end = Math.min(a.length(), b.length());
    for (int i = 0; i < end; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        // surrogates stand for code points above all others
        boolean high = Character.isSurrogate(x);
        return high == Character.isSurrogate(y) ? Character.compare(x, y) : high ? 1 : -1;
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
