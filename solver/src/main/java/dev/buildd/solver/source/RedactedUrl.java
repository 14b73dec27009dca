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
}
