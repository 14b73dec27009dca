package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.pattern.GoPath;
import dev.buildd.base.text.GoBool;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.GitOption;
import dev.buildd.llb.Llb;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place in a git repository, written as a URL (section 5.5).
 *
 * @param remote what git is given
 * @param ref a branch, tag or commit; empty for what the repository says
 * @param mtime empty for what git does
 * @param looksLocal whether it could as well be a path: it has no scheme
 */
public record GitReference(
    String remote,
    String ref,
    String subdir,
    String checksum,
    Optional<Boolean> keepGitDirectory,
    Optional<Boolean> submodules,
    String mtime,
    boolean fetchByCommit,
    boolean looksLocal) {
  private static final String GITHUB = "github.com/";
  private static final Pattern URL =
      Pattern.compile("(?is)(https?|ssh|git)://([^?#]*)(?:\\?([^#]*))?(?:#(.*))?");
  private static final Pattern PATH = Pattern.compile("[^/]*(.*)", Pattern.DOTALL);
  private static final Pattern SCP =
      Pattern.compile("([a-zA-Z0-9-_]+)@([a-zA-Z0-9-.]+):(.*?)(?:\\?(.*?))?(?:#(.*))?");

  /**
   * Reads a text as a git reference.
   *
   * @return empty if it is none
   * @throws DockerfileException if it is one whose query is wrong
   */
  public static Optional<GitReference> parse(String text) {
    if (text.startsWith("./") || text.startsWith("../")) {
      return Optional.empty();
    }
    boolean local = text.startsWith(GITHUB);
    Matcher url = URL.matcher(local ? "https://" + text : text);
    if (url.matches()) {
      String scheme = url.group(1).toLowerCase(java.util.Locale.ROOT);
      boolean web = !local && scheme.startsWith("http");
      if (web && !decoded(pathOf(url.group(2)), false).endsWith(".git")) {
        return Optional.empty();
      }
      String remote = local ? url.group(2) : scheme + "://" + url.group(2);
      return Optional.of(of(remote, url.group(3), url.group(4), local));
    }
    Matcher scp = SCP.matcher(text);
    return scp.matches()
        ? Optional.of(
            of(
                scp.group(1) + "@" + scp.group(2) + ":" + scp.group(3),
                scp.group(4),
                scp.group(5),
                false))
        : Optional.empty();
  }

  /** Whether the text is a git reference, a wrong one included. */
  public static boolean isOne(String text) {
    try {
      return parse(text).isPresent();
    } catch (DockerfileException e) {
      return false; // as the reference has it: a wrong one is taken for a URL here
    }
  }

  private static String pathOf(String afterScheme) {
    Matcher path = PATH.matcher(afterScheme);
    return path.matches() ? path.group(1) : "";
  }

  private static GitReference of(
      String remote,
      @org.jspecify.annotations.Nullable String query,
      @org.jspecify.annotations.Nullable String fragment,
      boolean local) {
    String place = fragment == null ? "" : decoded(fragment, false);
    int colon = place.indexOf(':');
    String subdir = colon < 0 ? "" : GoPath.join("/", place.substring(colon + 1)).substring(1);
    Query read = new Query(colon < 0 ? place : place.substring(0, colon), subdir);
    read.apply(parameters(query == null ? "" : query));
    return new GitReference(
        remote,
        read.ref,
        read.subdir,
        read.checksum,
        read.keepGitDirectory,
        read.submodules,
        read.mtime,
        read.fetchByCommit,
        local);
  }

  private static Map<String, List<String>> parameters(String query) {
    Map<String, List<String>> out = new LinkedHashMap<>();
    for (String pair : query.split("&")) {
      if (pair.isEmpty() || pair.contains(";")) {
        continue;
      }
      int equals = pair.indexOf('=');
      String key = decoded(equals < 0 ? pair : pair.substring(0, equals), true);
      String value = equals < 0 ? "" : decoded(pair.substring(equals + 1), true);
      out.computeIfAbsent(key, k -> new ArrayList<>()).add(value);
    }
    return out;
  }

  /** Percent escapes read; a malformed one stays. */
  private static String decoded(String text, boolean plusIsBlank) {
    if (text.indexOf('%') < 0 && text.indexOf('+') < 0) {
      return text;
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    ByteBuffer out = ByteBuffer.allocate(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      int high = i + 2 < bytes.length ? Character.digit(bytes[i + 1], 16) : -1;
      int low = i + 2 < bytes.length ? Character.digit(bytes[i + 2], 16) : -1;
      if (bytes[i] == '%' && high >= 0 && low >= 0) {
        out.put((byte) (high << 4 | low));
        i += 2;
      } else {
        out.put(plusIsBlank && bytes[i] == '+' ? (byte) ' ' : bytes[i]);
      }
    }
    return StandardCharsets.UTF_8.decode(out.flip()).toString();
  }

  /** What the parameters of a URL say, on top of its fragment. */
  private static final class Query {
    String ref;
    String subdir;
    String checksum = "";
    Optional<Boolean> keepGitDirectory = Optional.empty();
    Optional<Boolean> submodules = Optional.empty();
    String mtime = "";
    boolean fetchByCommit;
    private String tag = "";
    private String branch = "";

    Query(String ref, String subdir) {
      this.ref = ref;
      this.subdir = subdir;
    }

    void apply(Map<String, List<String>> parameters) {
      parameters.forEach(this::apply);
      if (!tag.isEmpty()) {
        ref = agreed("ref", ref, full("refs/tags/", tag));
      }
      if (!branch.isEmpty()) {
        if (!tag.isEmpty()) {
          throw new DockerfileException("branch conflicts with tag");
        }
        ref = agreed("ref", ref, full("refs/heads/", branch));
      }
    }

    private void apply(String key, List<String> values) {
      if (values.size() > 1) {
        throw new DockerfileException("query " + GoQuote.of(key) + " has multiple values");
      }
      String value = values.getFirst();
      boolean bare =
          key.equals("submodules") || key.equals("keep-git-dir") || key.equals("fetch-by-commit");
      if (value.isEmpty() && !bare) {
        throw new DockerfileException("query " + GoQuote.of(key) + " has no value");
      }
      switch (key) {
        case "ref" -> ref = agreed(key, ref, value);
        case "tag" -> tag = value;
        case "branch" -> branch = value;
        case "subdir" -> subdir = agreed(key, subdir, value);
        case "checksum", "commit" -> checksum = value;
        case "keep-git-dir" -> keepGitDirectory = Optional.of(flag(key, value));
        case "submodules" -> submodules = Optional.of(flag(key, value));
        case "fetch-by-commit" -> fetchByCommit = flag(key, value);
        case "mtime" -> {
          if (!value.equals("checkout") && !value.equals("commit")) {
            throw new DockerfileException(
                "invalid mtime value: "
                    + GoQuote.of(value)
                    + " (must be \"checkout\" or \"commit\")");
          }
          mtime = value;
        }
        default -> throw new DockerfileException("unexpected query " + GoQuote.of(key));
      }
    }

    private static String full(String prefix, String name) {
      return name.startsWith(prefix) ? name : prefix + name;
    }

    private static String agreed(String what, String before, String now) {
      if (!before.isEmpty() && !before.equals(now)) {
        throw new DockerfileException(
            what + " conflicts: " + GoQuote.of(before) + " vs " + GoQuote.of(now));
      }
      return now;
    }

    private static boolean flag(String key, String value) {
      if (value.isEmpty()) {
        return true;
      }
      return GoBool.parse(value)
          .orElseThrow(
              () -> new DockerfileException("invalid " + key + " value: " + GoQuote.of(value)));
    }
  }

  /** As options of a source: all but the directory with git's own files, and times of files. */
  public List<GitOption> toOptions() {
    List<GitOption> out = new ArrayList<>();
    out.add(Llb.gitRef(ref));
    if (!checksum.isEmpty()) {
      out.add(Llb.gitChecksum(checksum));
    }
    if (!subdir.isEmpty()) {
      out.add(Llb.gitSubdir(subdir));
    }
    if (submodules.isPresent() && !submodules.get()) {
      out.add(Llb.gitSkipSubmodules());
    }
    if (fetchByCommit) {
      out.add(Llb.gitFetchByCommit());
    }
    return out;
  }
}
