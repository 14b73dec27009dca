package dev.buildd.solver.source;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Addresses as they may be shown, without the credentials in them (GHSA-gc89-7gcr-jxqc). */
public final class RedactedUrl {
  private static final Pattern USER_INFO = Pattern.compile("^([a-zA-Z0-9+.-]+://)([^/@]*)@");

  private RedactedUrl() {}

  /** The address with user name and password masked. */
  public static String of(String url) {
    Matcher matcher = USER_INFO.matcher(url);
    if (!matcher.find()) {
      return url;
    }
    String mask = matcher.group(2).contains(":") ? "xxxxx:xxxxx" : "xxxxx";
    return matcher.group(1) + mask + "@" + url.substring(matcher.end());
  }

  /**
   * A text in which addresses may stand, such as the name that a client gives to a step: passwords
   * are masked with their users, and whoever is named to a web server, for that may be a token.
   */
  public static String within(String text) {
    StringBuilder out = new StringBuilder();
    int copied = 0;
    for (int at = text.indexOf("://"); at >= 0; at = text.indexOf("://", at + 3)) {
      int from = at + 3;
      int end = from;
      boolean password = false;
      while (end < text.length() && !endsUserInfo(text.charAt(end))) {
        password |= text.charAt(end) == ':';
        end++;
      }
      if (end < text.length() && text.charAt(end) == '@' && (password || isWeb(text, at))) {
        out.append(text, copied, from).append(password ? "xxxxx:xxxxx" : "xxxxx");
        copied = end;
      }
    }
    return out.append(text, copied, text.length()).toString();
  }

  private static boolean endsUserInfo(char c) {
    return c == '@' || c == '/' || c == '"' || c == '\'' || c <= ' ';
  }

  private static boolean isWeb(String text, int schemeEnd) {
    return text.regionMatches(true, schemeEnd - 4, "http", 0, 4)
        || text.regionMatches(true, schemeEnd - 5, "https", 0, 5);
  }
}
