package dev.buildd.solver.source.git;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.solver.source.RedactedUrl;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a repository is and what of it is wanted.
 *
 * @param remote what git is told: without fragment and query
 * @param ref a branch, tag or commit; empty for the default branch
 * @param subdir relative and clean; empty for all
 */
public record GitUrl(String remote, String ref, String subdir) {
  private static final Set<String> PROTOCOLS = Set.of("http", "https", "ssh", "git");
  private static final Pattern PROTOCOL = Pattern.compile("^([a-zA-Z0-9]+)://");
  private static final Pattern SCP =
      Pattern.compile("^[a-zA-Z0-9-_]+@[a-zA-Z0-9-.]+:.*$", Pattern.DOTALL);

  /** Whether the text says how to reach the repository. */
  static boolean isTransport(String text) {
    Matcher protocol = PROTOCOL.matcher(text);
    return protocol.find()
        ? PROTOCOLS.contains(protocol.group(1).toLowerCase(Locale.ROOT))
        : SCP.matcher(text).matches();
  }

  /** The repository of what may be an address of one: without fragment and query. */
  public static Optional<String> remoteOf(String text) {
    return isTransport(text) ? Optional.of(parse(text).remote()) : Optional.empty();
  }

  /** Parses {@code URL[#REF[:SUBDIR]]}; without a protocol it is https. */
  static GitUrl parse(String text) {
    String url = isTransport(text) ? text : "https://" + text;
    String rest = url.replaceFirst("^https://([a-zA-Z0-9]+)://", "$1://");
    if (!rest.equals(url)) {
      throw BuildException.invalid(
          PROTOCOL.matcher(rest).results().findFirst().map(r -> r.group(1)).orElse("")
              + ": invalid protocol");
    }
    if (url.chars().anyMatch(c -> c < ' ' || c == 0x7f)) {
      throw BuildException.invalid("invalid git url");
    }
    String fragment = "";
    int hash = url.indexOf('#');
    if (hash >= 0) {
      fragment = url.substring(hash + 1);
      url = url.substring(0, hash);
    }
    int query = url.indexOf('?');
    if (query >= 0) {
      url = url.substring(0, query);
    }
    int colon = fragment.indexOf(':');
    String ref = colon < 0 ? fragment : fragment.substring(0, colon);
    String subdir = colon < 0 ? "" : fragment.substring(colon + 1);
    checkRef(ref);
    return new GitUrl(url, ref, RootedPath.clean(subdir).substring(1));
  }

  /** A name that git would take for an option is no ref. */
  static void checkRef(String ref) {
    if (ref.startsWith("-")) {
      throw BuildException.invalid("invalid git ref \"" + ref + "\"");
    }
  }

  GitUrl withRemote(String other) {
    return new GitUrl(isTransport(other) ? other : "https://" + other, ref, subdir);
  }

  GitUrl withRef(String other) {
    return new GitUrl(remote, other, subdir);
  }

  /** The remote as it may be shown: without credentials. */
  String shown() {
    return RedactedUrl.of(remote);
  }

  /** The host with its port, as secrets are named after it. */
  String host() {
    String rest = remote.replaceFirst("^[a-zA-Z0-9+.-]+://", "");
    rest = rest.split("/", 2)[0];
    return rest.substring(rest.lastIndexOf('@') + 1);
  }

  /** Whether the text is the full name of a commit. */
  static boolean isCommit(String text) {
    return (text.length() == 40 || text.length() == 64)
        && text.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  }
}
