package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.frontend.dockerfile.context.GitReference;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.ConstraintsOption;
import dev.buildd.llb.GitOption;
import dev.buildd.llb.HttpOption;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What ADD brings from elsewhere: a file behind a URL, or a git repository (section 3.5). */
final class RemoteFiles {
  private static final String UNNAMED = "__unnamed__";
  private static final Pattern URL_PATH = Pattern.compile("https?://[^/?#]*([^?#]*).*");
  private static final Pattern DIGEST =
      Pattern.compile("([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)");

  private RemoteFiles() {}

  static boolean isUrl(String source) {
    return (source.startsWith("http://") || source.startsWith("https://"))
        && !GitReference.isOne(source);
  }

  /** The repository that a source means; one without a scheme is taken for a path. */
  static Optional<GitReference> repository(String source) {
    return GitReference.parse(source).filter(reference -> !reference.looksLocal());
  }

  /** What a file behind a URL is called. */
  static String filename(String url) {
    Matcher matcher = URL_PATH.matcher(url);
    if (!matcher.matches()) {
      return UNNAMED;
    }
    String path;
    try {
      path = URLDecoder.decode(matcher.group(1).replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return UNNAMED; // no URL to Go
    }
    String base = GoPath.base(path);
    return base.equals(".") || base.equals("/") ? UNNAMED : base;
  }

  /**
   * A file behind a URL.
   *
   * @param checksum empty if none is known
   */
  static State url(String url, String checksum, ConstraintsOption... said) {
    List<HttpOption> options = new ArrayList<>(Arrays.asList(said));
    options.add(Llb.filename(filename(url)));
    if (!checksum.isEmpty()) {
      options.add(Llb.checksum(digest(checksum)));
    }
    return Llb.http(url, options.toArray(HttpOption[]::new));
  }

  /**
   * A repository.
   *
   * @param checksum empty if none is known but that in the reference
   */
  static State git(
      GitReference reference,
      boolean keepGitDirectory,
      String checksum,
      ConstraintsOption... said) {
    List<GitOption> options = new ArrayList<>(Arrays.asList(said));
    options.addAll(reference.toOptions());
    if (keepGitDirectory) {
      options.add(Llb.keepGitDir());
    }
    if (!checksum.isEmpty()) {
      options.add(Llb.gitChecksum(checksum));
    }
    return Llb.git(reference.remote(), "", options.toArray(GitOption[]::new));
  }

  private static Digest digest(String text) {
    Matcher matcher = DIGEST.matcher(text);
    if (!matcher.matches()) {
      throw new DockerfileException("invalid checksum digest format");
    }
    Optional<Digest.Algorithm> algorithm =
        Arrays.stream(Digest.Algorithm.values())
            .filter(each -> each.text().equals(matcher.group(1)))
            .findFirst();
    if (algorithm.isEmpty()) {
      throw new DockerfileException("unsupported digest algorithm");
    }
    int length = algorithm.get().newHash().getDigestLength() * 2;
    if (matcher.group(2).length() != length) {
      throw new DockerfileException("invalid checksum digest length");
    }
    try {
      return new Digest(algorithm.get(), matcher.group(2));
    } catch (BuildException e) {
      throw new DockerfileException("invalid checksum digest format", List.of(), e);
    }
  }
}
