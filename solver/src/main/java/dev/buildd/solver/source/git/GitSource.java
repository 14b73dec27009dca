package dev.buildd.solver.source.git;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.CacheManager;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Git repositories: {@code git://}, fetched with the git command. */
public final class GitSource implements Source {
  private static final String SCHEME = "git";
  private static final Pattern HEX = Pattern.compile("[a-fA-F0-9]+");

  private final CacheManager cache;
  private final KeyedLock locks = new KeyedLock();

  public GitSource(CacheManager cache) {
    this.cache = cache;
  }

  @Override
  public Set<String> schemes() {
    return Set.of(SCHEME);
  }

  /**
   * What a ref stands for at the moment.
   *
   * @param ref its full name, or the commit if that was asked for
   * @param checksum of the commit or the annotated tag
   * @param commitChecksum of the commit that an annotated tag points to; else empty
   */
  public record Metadata(String ref, String checksum, String commitChecksum) {}

  /** Asks the remote what is meant, and brings nothing. */
  public Metadata resolve(String identifier, Map<String, String> attributes, SourceContext context)
      throws Exception {
    return open(identifier, attributes).metadata(context);
  }

  /**
   * Raw objects, for clients that check signatures.
   *
   * @param tag empty if no annotated tag was asked for
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody
  public record Objects(byte[] commit, byte[] tag) {}

  /** Brings the objects of what is meant, but not the files. */
  public Objects objects(String identifier, Map<String, String> attributes, SourceContext context)
      throws Exception {
    return open(identifier, attributes).objects(context);
  }

  /**
   * What to bring.
   *
   * @param checksum what the commit's name must begin with; empty for anything
   */
  record Request(
      GitUrl url,
      boolean keepGitDirectory,
      boolean skipSubmodules,
      boolean commitTimes,
      boolean fetchByCommit,
      String checksum,
      String headerSecret,
      String tokenSecret,
      String knownHosts,
      String sshSocket) {
    Request withRef(String ref) {
      return new Request(
          url.withRef(ref),
          keepGitDirectory,
          skipSubmodules,
          commitTimes,
          fetchByCommit,
          checksum,
          headerSecret,
          tokenSecret,
          knownHosts,
          sshSocket);
    }
  }

  @Override
  public Instance open(String identifier, Map<String, String> attributes, Platform platform) {
    return open(identifier, attributes);
  }

  private GitCheckout open(String identifier, Map<String, String> attributes) {
    String prefix = SCHEME + "://";
    if (!identifier.startsWith(prefix)) {
      throw BuildException.invalid("not a git repository: " + identifier);
    }
    for (String name : attributes.keySet()) {
      if (name.startsWith("git.sig.")) {
        // to bring it unverified would be worse than not to bring it
        throw unimplemented("signatures of git commits are not verified yet");
      }
    }
    if (attributes.containsKey("git.bundle")
        || attributes.getOrDefault("git.checkoutbundle", "").equals("true")) {
      throw unimplemented("git bundles are not supported yet");
    }
    GitUrl url = GitUrl.parse(identifier.substring(prefix.length()));
    String full = attributes.getOrDefault("git.fullurl", "");
    if (!full.isEmpty()) {
      url = url.withRemote(GitUrl.parse(full).remote());
    }
    String checksum = attributes.getOrDefault("git.checksum", "");
    if (!checksum.isEmpty() && !HEX.matcher(checksum).matches()) {
      throw BuildException.invalid(
          "invalid checksum " + checksum + " for Git URL, expected hex commit hash");
    }
    return new GitCheckout(
        cache,
        locks,
        new Request(
            url,
            isTrue(attributes, "git.keepgitdir"),
            isTrue(attributes, "git.skipsubmodules"),
            attributes.getOrDefault("git.mtime", "").equals("commit"),
            isTrue(attributes, "git.fetchbycommit"),
            checksum,
            attributes.getOrDefault("git.authheadersecret", ""),
            attributes.getOrDefault("git.authtokensecret", ""),
            attributes.getOrDefault("git.knownsshhosts", ""),
            attributes.getOrDefault("git.mountsshsock", "")));
  }

  private static BuildException unimplemented(String text) {
    return new BuildException(Category.UNIMPLEMENTED, text);
  }

  private static boolean isTrue(Map<String, String> attributes, String name) {
    return attributes.getOrDefault(name, "").equals("true");
  }
}
