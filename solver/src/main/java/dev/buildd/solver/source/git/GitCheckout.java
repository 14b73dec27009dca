package dev.buildd.solver.source.git;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One state of one repository. All repositories' objects are kept in bare repositories, one for
 * each remote, in refs that stay; a checkout is another ref, found again by what it was made of.
 */
final class GitCheckout implements Source.Instance {
  private static final String REMOTE = "git-remote";
  private static final String SNAPSHOT = "git-snapshot";
  private static final Pattern HEAD_BRANCH = Pattern.compile("refs/heads/(\\S+)");

  private final CacheManager cache;
  private final KeyedLock locks;
  private final GitSource.Request request;
  private @Nullable Flight<Resolved> resolution; // guarded by this

  GitCheckout(CacheManager cache, KeyedLock locks, GitSource.Request request) {
    this.cache = cache;
    this.locks = locks;
    this.request = request;
  }

  /**
   * What the ref stands for.
   *
   * @param request with the ref named, if it was the default branch
   * @param object the commit, or the annotated tag
   * @param key of the caches
   * @param metadata the same for those who only ask
   */
  private record Resolved(
      GitSource.Request request, String object, String key, GitSource.Metadata metadata) {}

  private GitUrl url() {
    return request.url();
  }

  private Resolved resolved(SourceContext context) throws Exception {
    Flight<Resolved> flight;
    synchronized (this) {
      if (resolution == null) {
        resolution = new Flight<>("resolve " + url().shown(), () -> resolve(context));
      }
      flight = resolution;
    }
    return flight.join();
  }

  @Override
  public SourceKey key(SourceContext context, int index) throws Exception {
    Resolved resolved = resolved(context);
    GitSource.Metadata is = resolved.metadata();
    return new SourceKey(
        resolved.key(), true, is.commitChecksum().isEmpty() ? is.checksum() : is.commitChecksum());
  }

  GitSource.Metadata metadata(SourceContext context) throws Exception {
    return resolved(context).metadata();
  }

  /** The commit, and the annotated tag before it if that was asked for, as git keeps them. */
  GitSource.Objects objects(SourceContext context) throws Exception {
    Resolved resolved = resolved(context);
    try (KeyedLock.Hold _ = locks.lock("remote " + url().remote());
        RemoteAccess access = RemoteAccess.open(resolved.request(), context);
        MutableRef shared = shared(false);
        Mounted at = shared.mount()) {
      Git bare = access.git().in(at.path());
      if (!Files.exists(at.path().resolve("HEAD"))) {
        initialize(bare, resolved);
      }
      fetch(bare, at.path(), resolved);
      String object = resolved.object();
      String commit = bare.run("rev-parse", object + "^{commit}").strip();
      return new GitSource.Objects(
          bytes(bare.run("cat-file", "commit", commit)),
          commit.equals(object) ? new byte[0] : bytes(bare.run("cat-file", "tag", object)));
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  // --- resolving ---

  private Resolved resolve(SourceContext context) throws Exception {
    String ref = url().ref();
    if (GitUrl.isCommit(ref)) {
      if (!ref.startsWith(request.checksum())) {
        throw mismatch(ref);
      }
      return new Resolved(request, ref, cacheKey(ref, ref), new GitSource.Metadata(ref, ref, ""));
    }
    if (request.fetchByCommit()) {
      return resolveByCommit(ref);
    }
    KnownAs key = new KnownAs(url().remote(), ref);
    Optional<Named> kept = context.recall(key, Named.class);
    if (kept.isPresent()) {
      return resolved(kept.get());
    }
    Named named;
    try (RemoteAccess access = RemoteAccess.open(request, context)) {
      if (ref.isEmpty()) {
        ref = defaultBranch(access.git());
      }
      named = named(access.git(), ref);
    }
    context.remember(key, () -> named);
    return resolved(named);
  }

  /** Under what a job knows what a remote's ref stood for. */
  private record KnownAs(String remote, String ref) {}

  /**
   * What a remote says of a ref.
   *
   * @param ref as it was asked for, or the default branch
   * @param name in full
   * @param commit what an annotated tag points to, or empty
   */
  private record Named(String ref, String name, String object, String commit)
      implements AutoCloseable {
    @Override
    public void close() {}
  }

  private Resolved resolveByCommit(String ref) {
    String commit = request.checksum();
    if (commit.isEmpty()) {
      throw BuildException.invalid("fetch-by-commit requires a checksum or a commit SHA ref");
    }
    if (!GitUrl.isCommit(commit)) {
      throw BuildException.invalid(
          "fetch-by-commit requires a full commit SHA checksum, got \"" + commit + "\"");
    }
    String name = ref;
    if (ref.isEmpty()) {
      name = commit;
    } else if (!ref.startsWith("refs/")) {
      name = "refs/heads/" + ref;
    }
    return new Resolved(
        request.withRef(name),
        commit,
        cacheKey(commit, name),
        new GitSource.Metadata(name, commit, ""));
  }

  private String defaultBranch(Git git) throws Exception {
    String text;
    try {
      text = git.run("ls-remote", "--symref", "--", url().remote(), "HEAD");
    } catch (Git.Failure e) {
      throw e.during("error fetching default branch for repository " + url().shown());
    }
    Matcher matcher = HEAD_BRANCH.matcher(text);
    if (!matcher.find()) {
      throw BuildException.notFound(
          "could not find default branch for repository: " + url().shown());
    }
    GitUrl.checkRef(matcher.group(1)); // the remote's word (GHSA-hw3h-2gp9-cxpv)
    return matcher.group(1);
  }

  private Named named(Git git, String ref) throws Exception {
    String listing;
    try {
      listing = git.run("ls-remote", "--", url().remote(), ref, ref + "^{}");
    } catch (Git.Failure e) {
      throw e.during("failed to fetch remote " + url().shown());
    }
    Map<String, String> found = new LinkedHashMap<>();
    for (String line : listing.split("\n")) {
      String[] parts = line.split("\t", 2);
      if (parts.length == 2) {
        found.put(parts[1], parts[0]);
      }
    }
    String full = "refs/" + withoutPrefix(ref, "refs/");
    String branch = "refs/heads/" + withoutPrefix(ref, "refs/heads/");
    String tag = "refs/tags/" + withoutPrefix(ref, "refs/tags/");
    // as git checkout does: what is named in full, then branches, then tags
    for (String name : new String[] {full, branch, tag}) {
      String object = found.get(name);
      if (object == null) {
        continue;
      }
      if (!GitUrl.isCommit(object)) {
        throw BuildException.invalid("invalid commit sha \"" + object + "\"");
      }
      String commit =
          name.equals(tag) && !name.equals(full) ? found.getOrDefault(tag + "^{}", "") : "";
      return new Named(ref, name, object, commit);
    }
    throw BuildException.notFound(
        "repository does not contain ref " + ref + ", output: \"" + listing.strip() + "\"");
  }

  private Resolved resolved(Named named) {
    String object = named.object();
    String commit = named.commit();
    if (!object.startsWith(request.checksum())
        && (commit.isEmpty() || !commit.startsWith(request.checksum()))) {
      throw mismatch(commit.isEmpty() ? object : object + " or " + commit);
    }
    // a tag and its commit are the same files, but not the same .git
    String peeled = request.keepGitDirectory() ? "" : commit;
    return new Resolved(
        request.withRef(named.ref()),
        object,
        cacheKey(peeled.isEmpty() ? object : peeled, named.name()),
        new GitSource.Metadata(named.name(), object, commit));
  }

  private static String withoutPrefix(String text, String prefix) {
    return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
  }

  private BuildException mismatch(String got) {
    return new BuildException(
        Category.FAILED_PRECONDITION,
        "expected checksum to match " + request.checksum() + ", got " + got);
  }

  private String cacheKey(String commit, String ref) {
    StringBuilder key = new StringBuilder(commit);
    if (request.keepGitDirectory()) {
      key.append(".git");
      if (!ref.isEmpty()) {
        key.append('#').append(ref);
      }
    }
    if (!url().subdir().isEmpty()) {
      key.append(':').append(url().subdir());
    }
    if (request.skipSubmodules()) {
      key.append("(skip-submodules)");
    }
    if (request.commitTimes()) {
      key.append("(mtime=commit)");
    }
    return key.toString();
  }

  // --- fetching ---

  @Override
  public Optional<ImmutableRef> fetch(SourceContext context) throws Exception {
    Resolved resolved = resolved(context);
    String name = resolved.key() + ":" + url().subdir();
    KeyedLock.Hold same = locks.lock("checkout " + name);
    try {
      Optional<ImmutableRef> found = find(name);
      if (found.isPresent()) {
        return found;
      }
      KeyedLock.Hold hold = locks.lock("remote " + url().remote());
      try (RemoteAccess access = RemoteAccess.open(resolved.request(), context)) {
        Snapshot snapshot = new Snapshot(name, CompatibilityVersion.of(context.memos().get()));
        return Optional.of(checkedOut(access.git(), resolved, snapshot));
      } finally {
        hold.close();
      }
    } finally {
      same.close();
    }
  }

  private Optional<ImmutableRef> find(String name) {
    for (String id : cache.search(SNAPSHOT, name)) {
      try {
        return Optional.of(cache.get(id));
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
          throw e;
        }
      }
    }
    return Optional.empty();
  }

  /**
   * A checkout to be made.
   *
   * @param name by which it is found again
   */
  private record Snapshot(String name, CompatibilityVersion version) {}

  private ImmutableRef checkedOut(Git git, Resolved resolved, Snapshot snapshot) throws Exception {
    try {
      return fromShared(git, resolved, snapshot, false);
    } catch (Git.Failure | OutdatedException e) {
      if (!isBeyondRepair(e)) {
        throw e;
      }
      // the remote's names have changed so that git cannot follow, or our copy is damaged
      return fromShared(git, resolved, snapshot, true);
    }
  }

  /** A fetch failed in a way that a fresh repository may survive. */
  private static final class OutdatedException extends BuildException {
    private static final long serialVersionUID = 1L;

    OutdatedException(String message, Throwable cause) {
      super(Category.UNKNOWN, message, cause);
    }
  }

  private static boolean isBeyondRepair(BuildException e) {
    String text = String.valueOf(e.getMessage());
    return text.contains("would clobber existing tag")
        || text.contains("unable to update local ref")
        || text.contains("refname conflict")
        || text.contains("not a git repository")
        || text.contains("is corrupt")
        || text.contains("is empty");
  }

  private ImmutableRef fromShared(Git git, Resolved resolved, Snapshot snapshot, boolean fresh)
      throws Exception {
    try (MutableRef shared = shared(fresh);
        Mounted at = shared.mount()) {
      Git bare = git.in(at.path());
      if (!Files.exists(at.path().resolve("HEAD"))) {
        initialize(bare, resolved);
      }
      fetch(bare, at.path(), resolved);
      verifyChecksum(bare, resolved);
      return checkout(bare, at.path(), resolved, snapshot);
    }
  }

  private MutableRef shared(boolean fresh) {
    for (String id : cache.search(REMOTE, url().remote())) {
      MutableRef ref;
      try {
        ref = cache.getMutable(id);
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
          throw e;
        }
        continue; // pruned meanwhile
      }
      if (!fresh) {
        return ref;
      }
      ref.retain(false);
      ref.close();
    }
    return cache.newMutable(
        Optional.empty(),
        RefOptions.of("shared git repo for " + url().shown())
            .withRetain()
            .withIndex(REMOTE, url().remote()));
  }

  private void initialize(Git bare, Resolved resolved) throws Exception {
    if (resolved.object().length() == 64) {
      bare.run("-c", "init.defaultBranch=master", "init", "--bare", "--object-format=sha256");
    } else {
      bare.run("-c", "init.defaultBranch=master", "init", "--bare");
    }
    bare.run("remote", "add", "origin", url().remote());
  }

  /** What to ask the remote for, and by which name it is known here afterwards. */
  private static String wanted(Resolved resolved) {
    return resolved.request().fetchByCommit() ? resolved.object() : resolved.request().url().ref();
  }

  private void fetch(Git bare, Path directory, Resolved resolved) throws Exception {
    String ref = resolved.request().url().ref();
    String wanted = wanted(resolved);
    boolean commit = GitUrl.isCommit(wanted);
    if (commit && bare.succeeds("cat-file", "-e", wanted + "^{commit}")) {
      return;
    }
    removeLocks(directory);
    String[] depth;
    if (resolved.request().fetchByCommit() || !commit) {
      depth = new String[] {"--depth=1", "--no-tags"};
    } else if (Files.exists(directory.resolve("shallow"))) {
      depth = new String[] {"--tags", "--unshallow"};
    } else {
      depth = new String[] {"--tags"};
    }
    // kept under a tag's name, so that the next fetch tells the remote that we have it
    String target = ref.startsWith("refs/tags/") ? ref : "tags/" + ref;
    String[] what =
        GitUrl.isCommit(ref)
            ? new String[] {"origin", ref}
            : new String[] {"origin", "--force", "--", wanted + ":" + target};
    try {
      bare.run(concat(new String[] {"fetch"}, depth, what));
    } catch (Git.Failure e) {
      throw new OutdatedException(
          "failed to fetch remote " + url().shown() + ": " + e.getMessage(), e);
    }
    if (!bare.run("rev-parse", wanted).strip().equals(resolved.object())) {
      pin(bare, directory, resolved, target.startsWith("refs/") ? target : "refs/" + target);
    }
  }

  private static String[] concat(String[]... parts) {
    return java.util.Arrays.stream(parts).flatMap(java.util.Arrays::stream).toArray(String[]::new);
  }

  /** The ref has moved since it was resolved: what the key was made of is what is brought. */
  private void pin(Git bare, Path directory, Resolved resolved, String target) throws Exception {
    String object = resolved.object();
    if (!bare.succeeds("cat-file", "-e", object)) {
      String[] command =
          Files.exists(directory.resolve("shallow"))
              ? new String[] {"fetch", "--tags", "--unshallow", "origin", object}
              : new String[] {"fetch", "--tags", "origin", object};
      try {
        bare.run(command);
      } catch (Git.Failure e) {
        throw e.during("failed to fetch remote " + url().shown());
      }
      bare.run("reflog", "expire", "--all", "--expire=now");
      if (!bare.succeeds("cat-file", "-e", object)) {
        throw BuildException.unknown(
            "fetched ref "
                + resolved.request().url().ref()
                + " does not match expected commit "
                + object
                + " and commit can not be found in the repository",
            null);
      }
    }
    bare.run("update-ref", target, object, "--no-deref");
  }

  /** A dead daemon's git has left them; we hold the lock, so nobody uses them. */
  private static void removeLocks(Path directory) throws IOException {
    for (Path path : LayerFiles.list(directory)) {
      String name = String.valueOf(path.getFileName());
      if (name.endsWith(".lock")) {
        Linux.unlink(path);
      } else if (!name.equals("objects") && Linux.lstat(path).isDirectory()) {
        removeLocks(path);
      }
    }
  }

  private void verifyChecksum(Git bare, Resolved resolved) throws Exception {
    String checksum = request.checksum();
    if (checksum.isEmpty()) {
      return;
    }
    String wanted = wanted(resolved);
    String actual = bare.run("rev-parse", wanted).strip();
    if (actual.startsWith(checksum)) {
      return;
    }
    String commit = bare.run("rev-parse", wanted + "^{}").strip();
    if (!commit.startsWith(checksum)) {
      throw mismatch(commit.equals(actual) ? actual : actual + " or " + commit);
    }
  }

  // --- checking out ---

  private ImmutableRef checkout(Git bare, Path bareDirectory, Resolved resolved, Snapshot snapshot)
      throws Exception {
    RefOptions options =
        RefOptions.of("git snapshot for " + url().shown() + "#" + resolved.request().url().ref())
            .withRecordType(RefOptions.SOURCE_GIT_CHECKOUT);
    try (MutableRef ref = cache.newMutable(Optional.empty(), options)) {
      try (Mounted at = ref.mount()) {
        new WorkTree(resolved.request(), bare, bareDirectory, resolved.object(), wanted(resolved))
            .fill(at.path(), snapshot.version());
      }
      ref.index(SNAPSHOT, snapshot.name());
      return ref.commit();
    }
  }
}
