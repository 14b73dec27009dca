package dev.buildd.llb;

import dev.buildd.base.pattern.GoPath;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The address of a git repository.
 *
 * @param remote what git is given
 */
record GitRemote(String scheme, String host, String path, String remote) {
  private static final Pattern URL =
      Pattern.compile("(?i)(https?|ssh|git)://(?:[^@/]*@)?([^/?#]*)([^?#]*)(?:\\?[^#]*)?(?:#.*)?");
  private static final Pattern SCP =
      Pattern.compile("(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9.-]+):(.*?)(?:\\?(.*?))?(?:#(.*))?");
  private static final Pattern ANY_SCHEME = Pattern.compile("[a-zA-Z0-9]+://.*");

  /** Parses a URL, or the form {@code user@host:path}; without a scheme it is taken for https. */
  static Optional<GitRemote> parse(String text) {
    Matcher url = URL.matcher(text);
    if (url.matches()) {
      int end = text.length();
      for (char stop : new char[] {'?', '#'}) {
        int at = text.indexOf(stop);
        end = at >= 0 ? Math.min(end, at) : end;
      }
      return Optional.of(
          new GitRemote(
              url.group(1).toLowerCase(Locale.ROOT),
              url.group(2),
              url.group(3),
              text.substring(0, end)));
    }
    if (ANY_SCHEME.matcher(text).matches()) {
      return Optional.empty();
    }
    Matcher scp = SCP.matcher(text);
    if (scp.matches() && scp.group(1) != null) {
      return Optional.of(
          new GitRemote(
              "ssh",
              scp.group(2),
              scp.group(3),
              scp.group(1) + "@" + scp.group(2) + ":" + scp.group(3)));
    }
    return parse("https://" + text);
  }

  /** The repository, whichever protocol it is fetched by. */
  String identity() {
    return host + GoPath.join("/", path);
  }
}
