package dev.buildd.solver.source.git;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.Memo;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real repositories, served by git daemon. */
@Tag("root")
@Timeout(60)
final class GitSourceTest {
  @TempDir Path temp;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;
  private GitSource source;
  private Process daemon;
  private String base;
  private Path repository;
  private final SessionManager sessions = new SessionManager();
  private final Journal journal = new Journal();

  @BeforeEach
  void start() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    Path served = Files.createDirectories(temp.resolve("served"));
    daemon =
        new ProcessBuilder(
                "git",
                "daemon",
                "--reuseaddr",
                "--listen=127.0.0.1",
                "--port=" + port,
                "--base-path=" + served,
                "--export-all",
                "--enable=upload-pack",
                served.toString())
            .redirectErrorStream(true)
            .redirectOutput(temp.resolve("daemon.log").toFile())
            .start();
    base = "git://127.0.0.1:" + port + "/";
    for (int i = 0; i < 200; i++) {
      try {
        new Socket(InetAddress.getLoopbackAddress(), port).close();
        break;
      } catch (IOException e) {
        Thread.sleep(25);
      }
    }
    repository = Files.createDirectories(served.resolve("repo"));
    git(repository, "init", "-q", "-b", "main");
    commit("file", "one");
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    source = new GitSource(cache);
  }

  @AfterEach
  void stop() {
    int holds = cache.holds();
    cache.close();
    snapshots.close();
    store.close();
    sessions.close();
    daemon.descendants().forEach(ProcessHandle::destroy);
    daemon.destroy();
    daemon.onExit().join();
    assertThat(holds).as("holds left").isZero();
  }

  private static String git(Path in, String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "git",
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@x",
                "-c",
                "protocol.file.allow=always"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).directory(in.toFile()).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    return out.strip();
  }

  private String commit(String file, String text) throws Exception {
    Path path = repository.resolve(file);
    Path parent = path.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Files.writeString(path, text);
    return commitAll();
  }

  private String commitAll() throws Exception {
    git(repository, "add", "-A");
    git(repository, "commit", "-q", "-m", "change");
    return git(repository, "rev-parse", "HEAD");
  }

  private SourceContext context() {
    return new SourceContext(
        SessionGroup.of(sessions),
        VertexProgress.standalone(journal, Digest.of("vertex"), "vertex"));
  }

  private Source.Instance open(String fragment, String... attributes) {
    Map<String, String> all = new HashMap<>();
    all.put("git.fullurl", base + "repo");
    for (int i = 0; i < attributes.length; i += 2) {
      all.put(attributes[i], attributes[i + 1]);
    }
    return source.open(
        "git://127.0.0.1/repo" + (fragment.isEmpty() ? "" : "#" + fragment),
        all,
        Platform.of("linux", "amd64"));
  }

  private String key(String fragment, String... attributes) throws Exception {
    return open(fragment, attributes).key(context(), 0).value();
  }

  private ImmutableRef fetch(String fragment, String... attributes) throws Exception {
    Source.Instance instance = open(fragment, attributes);
    instance.key(context(), 0);
    return instance.fetch(context()).orElseThrow();
  }

  private String read(String file, String fragment, String... attributes) throws Exception {
    try (ImmutableRef ref = fetch(fragment, attributes);
        Mounted at = ref.mount()) {
      return Files.readString(at.path().resolve(file));
    }
  }

  @Test
  void branchesTagsAndCommits() throws Exception {
    String first = git(repository, "rev-parse", "HEAD");
    git(repository, "tag", "light");
    git(repository, "tag", "-a", "-m", "t", "full");
    String tag = git(repository, "rev-parse", "full");
    String second = commit("file", "two");
    assertThat(key("")).isEqualTo(second);
    assertThat(key("main")).isEqualTo(second);
    assertThat(key("refs/heads/main")).isEqualTo(second);
    assertThat(key("light")).isEqualTo(first);
    assertThat(key("full")).isEqualTo(first);
    assertThat(key(first)).isEqualTo(first);
    assertThat(key("full", "git.keepgitdir", "true")).isEqualTo(tag + ".git#refs/tags/full");
    assertThat(key("main:sub", "git.skipsubmodules", "true", "git.mtime", "commit"))
        .isEqualTo(second + ":sub(skip-submodules)(mtime=commit)");
    assertThat(source.resolve("git://x#full", Map.of("git.fullurl", base + "repo"), context()))
        .isEqualTo(new GitSource.Metadata("refs/tags/full", tag, first));
    GitSource.Objects objects =
        source.objects("git://x#full", Map.of("git.fullurl", base + "repo"), context());
    assertThat(new String(objects.tag(), UTF_8)).startsWith("object " + first + "\n");
    assertThat(new String(objects.commit(), UTF_8)).startsWith("tree ");
    assertThat(read("file", "")).isEqualTo("two");
    assertThat(read("file", "light")).isEqualTo("one");
    assertThat(read("file", "full")).isEqualTo("one");
    assertThat(read("file", first)).isEqualTo("one");
    assertThat(read("file", "refs/heads/main")).isEqualTo("two");
    // one shared repository, one checkout for each commit
    assertThat(cache.diskUsage(r -> true).stream().map(r -> r.description()))
        .filteredOn(d -> d.startsWith("shared git repo"))
        .hasSize(1);
    assertThat(cache.diskUsage(r -> true)).hasSize(3);
  }

  @Test
  void movedBranchIsFollowed() throws Exception {
    assertThat(read("file", "main")).isEqualTo("one");
    commit("file", "two");
    assertThat(read("file", "main")).isEqualTo("two");
    git(repository, "commit", "-q", "--amend", "--allow-empty", "-m", "other");
    commit("file", "three");
    assertThat(read("file", "main")).isEqualTo("three");
  }

  @Test
  void whatTheKeyWasMadeOfIsBroughtThoughTheBranchMoves() throws Exception {
    Source.Instance instance = open("main");
    instance.key(context(), 0);
    commit("file", "two");
    try (ImmutableRef ref = instance.fetch(context()).orElseThrow();
        Mounted at = ref.mount()) {
      assertThat(at.path().resolve("file")).hasContent("one");
    }
  }

  @Test
  void replacedTagNeedsAFreshRepository() throws Exception {
    git(repository, "tag", "v1");
    String first = git(repository, "rev-parse", "HEAD");
    assertThat(read("file", first)).isEqualTo("one");
    String second = commit("file", "two");
    git(repository, "tag", "-f", "v1");
    assertThat(read("file", second)).isEqualTo("two");
    assertThat(read("file", "v1")).isEqualTo("two");
  }

  @Test
  void branchThatBecomesADirectory() throws Exception {
    git(repository, "branch", "a");
    assertThat(read("file", "a")).isEqualTo("one");
    git(repository, "branch", "-D", "a");
    git(repository, "branch", "a/b");
    commit("file", "two");
    git(repository, "branch", "-f", "a/b");
    assertThat(read("file", "a/b")).isEqualTo("two");
  }

  @Test
  void gitDirectoryIsKept() throws Exception {
    String commit = git(repository, "rev-parse", "HEAD");
    for (String ref : List.of("main", commit, "")) {
      try (ImmutableRef found = fetch(ref, "git.keepgitdir", "true");
          Mounted at = found.mount()) {
        Path copy = temp.resolve("copy" + ref);
        new ProcessBuilder("cp", "-a", at.path().toString(), copy.toString()).start().waitFor();
        assertThat(git(copy, "rev-parse", "HEAD")).isEqualTo(commit);
        assertThat(git(copy, "status", "--porcelain")).isEmpty();
        assertThat(git(copy, "remote", "get-url", "origin")).isEqualTo(base + "repo");
        assertThat(copy.resolve(".git/FETCH_HEAD")).doesNotExist();
      }
    }
    try (ImmutableRef found = fetch("main");
        Mounted at = found.mount()) {
      assertThat(at.path().resolve(".git")).doesNotExist();
    }
  }

  @Test
  void subdirectoryBecomesTheRoot() throws Exception {
    commit("sub/deep/x", "in");
    assertThat(read("x", "main:sub/deep")).isEqualTo("in");
    assertThat(read("x", "main:../sub/./deep/")).isEqualTo("in");
    try (ImmutableRef ref = fetch("main:sub", "git.keepgitdir", "true");
        Mounted at = ref.mount()) {
      assertThat(at.path().toFile().list()).containsExactly("deep");
    }
    assertThatThrownBy(() -> fetch("main:none")).hasMessageContaining("invalid subdir none");
    assertThatThrownBy(() -> fetch("main:file")).hasMessageContaining("non-directory");
  }

  @Test
  void subdirectoryIsNoWayOut() throws Exception {
    Linux.symlink("/etc", repository.resolve("out"));
    Files.createDirectories(repository.resolve("real"));
    Linux.symlink("../../../..", repository.resolve("real/up"));
    commitAll();
    assertThatThrownBy(() -> fetch("main:out")).hasMessageContaining("non-directory");
    assertThatThrownBy(() -> fetch("main:real/up/etc")).hasMessageContaining("non-directory");
  }

  @Test
  void checksumMustMatch() throws Exception {
    String commit = git(repository, "rev-parse", "HEAD");
    git(repository, "tag", "-a", "-m", "t", "full");
    read("file", "main", "git.checksum", commit);
    read("file", "main", "git.checksum", commit.substring(0, 7));
    read("file", "full", "git.checksum", commit);
    String other = "0".repeat(40);
    assertThatThrownBy(() -> key("main", "git.checksum", other))
        .hasMessage("expected checksum to match " + other + ", got " + commit);
    assertThatThrownBy(() -> key(commit, "git.checksum", other))
        .hasMessageContaining("expected checksum to match");
    assertThatThrownBy(() -> open("main", "git.checksum", "xyz"))
        .hasMessageContaining("invalid checksum xyz");
  }

  @Test
  void commitIsFetchedWithoutItsBranch() throws Exception {
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true");
    String first = git(repository, "rev-parse", "HEAD");
    commit("file", "two");
    assertThat(read("file", "main", "git.fetchbycommit", "true", "git.checksum", first))
        .isEqualTo("one");
    assertThatThrownBy(() -> key("main", "git.fetchbycommit", "true"))
        .hasMessageContaining("fetch-by-commit requires");
  }

  @Test
  void submodulesComeAlongUnlessSkipped() throws Exception {
    Path library = Files.createDirectories(temp.resolve("served/library"));
    git(library, "init", "-q", "-b", "main");
    Files.writeString(library.resolve("lib"), "module");
    git(library, "add", "-A");
    git(library, "commit", "-q", "-m", "lib");
    git(repository, "submodule", "-q", "add", base + "library", "vendor");
    commitAll();
    assertThat(read("vendor/lib", "main")).isEqualTo("module");
    try (ImmutableRef ref = fetch("main", "git.skipsubmodules", "true");
        Mounted at = ref.mount()) {
      assertThat(at.path().resolve("vendor")).isEmptyDirectory();
    }
  }

  @Test
  void aSubmoduleMayBeReplacedByAnother() throws Exception {
    for (String name : new String[] {"one", "two"}) {
      Path library = Files.createDirectories(temp.resolve("served").resolve(name));
      git(library, "init", "-q", "-b", "main");
      Files.writeString(library.resolve("lib"), name);
      git(library, "add", "-A");
      git(library, "commit", "-q", "-m", name);
    }
    git(repository, "submodule", "-q", "add", base + "one", "vendor");
    commitAll();
    assertThat(read("vendor/lib", "main")).isEqualTo("one");
    git(repository, "rm", "-q", "vendor");
    FileTree.delete(repository.resolve(".git/modules/vendor"));
    git(repository, "submodule", "-q", "add", base + "two", "vendor");
    commitAll();
    assertThat(read("vendor/lib", "main")).isEqualTo("two");
  }

  @Test
  void submoduleOfThisMachinesFilesIsRefused() throws Exception {
    Path secret = Files.createDirectories(temp.resolve("secret"));
    git(secret, "init", "-q", "-b", "main");
    Files.writeString(secret.resolve("s"), "s");
    git(secret, "add", "-A");
    git(secret, "commit", "-q", "-m", "s");
    git(repository, "submodule", "-q", "add", "file://" + secret, "stolen");
    commitAll();
    assertThatThrownBy(() -> fetch("main")).hasMessageContaining("not allowed");
  }

  @Test
  void commitTimeIsTheFilesTime() throws Exception {
    long seconds = Long.parseLong(git(repository, "log", "-1", "--format=%ct"));
    try (ImmutableRef ref = fetch("main", "git.mtime", "commit");
        Mounted at = ref.mount()) {
      assertThat(Linux.lstat(at.path().resolve("file")).mtimeNanos())
          .isEqualTo(seconds * 1_000_000_000L);
    }
  }

  @Test
  void absentThingsAreNamed() throws Exception {
    assertThatThrownBy(() -> key("nobranch"))
        .hasMessageContaining("repository does not contain ref nobranch");
    assertThatThrownBy(() -> key("main", "git.fullurl", base + "none"))
        .hasMessageContaining("failed to fetch remote " + base + "none");
  }

  @Test
  void dangerousInputIsRefused() {
    assertThatThrownBy(() -> open("--upload-pack=x")).hasMessageContaining("invalid git ref");
    assertThatThrownBy(() -> open("main", "git.fullurl", "file:///etc"))
        .hasMessageContaining("invalid protocol");
    assertThat(GitUrl.parse("ext::sh -c x").remote()).startsWith("https://");
    assertThatThrownBy(() -> open("main", "git.sig.pubkey", "k"))
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.UNIMPLEMENTED));
  }

  @Test
  void credentialsAreNotShown() {
    assertThat(GitUrl.parse("https://u:p@h/x").shown()).isEqualTo("https://xxxxx:xxxxx@h/x");
    assertThat(GitUrl.parse("https://u@h/x#r:s").shown()).isEqualTo("https://xxxxx@h/x");
    assertThat(GitUrl.parse("git@h:x/y#r:s")).isEqualTo(new GitUrl("git@h:x/y", "r", "s"));
    assertThat(GitUrl.parse("h/x").remote()).isEqualTo("https://h/x");
  }

  @Test
  void interruptEndsGit() throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      AtomicReference<Throwable> failure = new AtomicReference<>(new AssertionError("none"));
      Thread thread =
          Threads.start(
              "resolve",
              () -> {
                try {
                  key("main", "git.fullurl", "git://127.0.0.1:" + silent.getLocalPort() + "/x");
                } catch (Exception e) {
                  failure.set(e);
                }
              });
      silent.accept();
      thread.interrupt();
      thread.join();
      assertThat(failure.get()).isInstanceOf(InterruptedException.class);
    }
  }

  @Test
  void whatAJobWasToldItGets() throws Exception {
    String first = git(repository, "rev-parse", "HEAD");
    try (Memo memo = new Memo()) {
      SourceContext job = contextOf(memo);
      Map<String, String> attributes = Map.of("git.fullurl", base + "repo");
      assertThat(source.resolve("git://x#main", attributes, job).checksum()).isEqualTo(first);
      commit("file", "two");
      Source.Instance instance =
          source.open("git://x#main", attributes, Platform.of("linux", "amd64"));
      assertThat(instance.key(job, 0).value()).isEqualTo(first);
      try (ImmutableRef ref = instance.fetch(job).orElseThrow();
          Mounted at = ref.mount()) {
        assertThat(at.path().resolve("file")).hasContent("one");
      }
    }
    assertThat(read("file", "main")).isEqualTo("two");
  }

  private SourceContext contextOf(Memo... memos) {
    return new SourceContext(SessionGroup.of(sessions), context().progress(), () -> List.of(memos));
  }

  private List<Integer> modes(SourceContext job) throws Exception {
    List<Integer> out = new ArrayList<>();
    Source.Instance instance = open("main");
    instance.key(job, 0);
    try (ImmutableRef ref = instance.fetch(job).orElseThrow();
        Mounted at = ref.mount()) {
      for (String file : List.of("file", "d/program")) {
        out.add(Linux.lstat(at.path().resolve(file)).permissions());
      }
    }
    return out;
  }

  @Test
  void firstVersionLetsAllWrite() throws Exception {
    Path program = Files.createDirectories(repository.resolve("d")).resolve("program");
    Files.writeString(program, "#!");
    Linux.chmod(program, 0755);
    commitAll();
    assertThat(modes(context())).containsExactly(0644, 0755);
    commit("file", "other");
    try (Memo early = new Memo();
        Memo current = new Memo()) {
      CompatibilityVersion.V0_13.keepIn(early);
      CompatibilityVersion.V0_31.keepIn(current);
      assertThatThrownBy(() -> modes(contextOf(early, current)))
          .hasMessage("conflicting compatibility versions in shared solve state: 10 != 30");
      assertThat(modes(contextOf(early))).containsExactly(0666, 0755);
    }
  }
}
