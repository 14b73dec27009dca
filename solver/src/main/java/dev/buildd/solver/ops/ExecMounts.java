package dev.buildd.solver.ops;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.SSHOpt;
import dev.buildd.proto.pb.SecretOpt;
import dev.buildd.session.Session;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.secrets.Secrets;
import dev.buildd.session.ssh.SshForward;
import dev.buildd.solver.executor.ProcessMount;
import dev.buildd.solver.graph.SharedResult;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Everything mounted for processes, of a step or of a frontend's container, and what becomes of it:
 * what is written where an output is wanted may be committed, all else is given back.
 *
 * <p>Used by one thread at a time.
 */
public final class ExecMounts implements AutoCloseable {
  private static final AtomicLong LAST = new AtomicLong();

  /**
   * What is to be mounted.
   *
   * @param mounts checked; one of them is the root
   * @param cwd what relative destinations are relative to
   * @param purpose what users read of it, such as {@code exec make}
   */
  public record Wanted(List<Mount> mounts, String cwd, String purpose) {
    public Wanted {
      mounts = List.copyOf(mounts);
    }

    static Wanted of(ExecOp message) {
      return new Wanted(
          message.getMountsList(),
          message.getMeta().getCwd(),
          "exec " + String.join(" ", message.getMeta().getArgsList()));
    }
  }

  private final Wanted wanted;
  private final ExecSettings settings;
  private final SessionGroup sessions;
  private final List<Optional<ImmutableRef>> inputs;
  private final Deque<AutoCloseable> mounted = new ArrayDeque<>();
  private final List<AutoCloseable> holds = new ArrayList<>();
  private final Map<String, CacheMounts.CacheMount> caches = new HashMap<>();
  private final List<Output> outputs = new ArrayList<>();
  private final List<ProcessMount> mounts = new ArrayList<>();
  private final IdentityHashMap<Mount, MutableRef> writable = new IdentityHashMap<>();
  private final IdentityHashMap<Mount, Path> trees = new IdentityHashMap<>();
  private @Nullable Path root;
  private boolean readOnlyRoot;
  private @Nullable Path secrets;
  private @Nullable Path executableSecrets;

  private sealed interface Output {
    record Written(MutableRef ref) implements Output {}

    record Passed(SharedResult result) implements Output {}
  }

  /**
   * @param inputs what the mounts' inputs are; they stay the caller's
   */
  public ExecMounts(
      Wanted wanted,
      ExecSettings settings,
      SessionGroup sessions,
      List<Optional<ImmutableRef>> inputs) {
    this.wanted = wanted;
    this.settings = settings;
    this.sessions = sessions;
    this.inputs = inputs;
  }

  /** Mounts all; on failure {@link #close} gives back what was mounted so far. */
  public void prepare() throws Exception {
    holdCaches();
    for (Mount mount : wanted.mounts()) {
      if (mount.getDest().equals("/")) {
        prepareRoot(mount);
      } else {
        prepare(mount);
      }
    }
    mounts.sort(Comparator.comparing(ProcessMount::destination)); // parents before what is in them
  }

  public Path root() {
    Path at = root;
    if (at == null) {
      throw BuildException.invalid("invalid exec op with no rootfs");
    }
    return at;
  }

  public boolean isReadOnlyRoot() {
    return readOnlyRoot;
  }

  public List<ProcessMount> mounts() {
    return mounts;
  }

  /** The files that a mount shows, the whole tree of them; empty if it shows no ref's. */
  public Optional<Path> tree(int mount) {
    return Optional.ofNullable(trees.get(wanted.mounts().get(mount)));
  }

  private Optional<ImmutableRef> input(Mount mount) {
    if (mount.getInput() == -1) {
      return Optional.empty();
    }
    if (mount.getInput() >= inputs.size()) {
      throw BuildException.invalid("missing input " + mount.getInput());
    }
    return inputs.get((int) mount.getInput());
  }

  private void prepareRoot(Mount mount) {
    Optional<ImmutableRef> base = input(mount);
    boolean output = mount.getOutput() != -1;
    if (!output && base.isEmpty()) {
      throw BuildException.invalid("mount / has no input");
    }
    MutableRef ref = newMutable(mount, base);
    if (output) {
      outputs.add(new Output.Written(ref));
    } else {
      holds.add(ref);
    }
    readOnlyRoot = mount.getReadonly();
    Path at = show(ref.mount());
    trees.put(mount, at);
    root = at;
  }

  private void prepare(Mount mount) throws Exception {
    switch (mount.getMountType()) {
      case BIND -> bind(mount);
      case CACHE -> cache(mount);
      case TMPFS ->
          mounts.add(new ProcessMount.Tmpfs(destination(mount), mount.getTmpfsOpt().getSize()));
      case SECRET -> secret(mount);
      case SSH -> ssh(mount);
      case UNRECOGNIZED ->
          // refused by OpValidator when the definition was loaded
          throw new IllegalStateException("unknown mount type " + mount.getMountTypeValue());
    }
  }

  private void bind(Mount mount) throws Exception {
    Optional<ImmutableRef> base = input(mount);
    boolean output = mount.getOutput() != -1;
    if (mount.getReadonly() && base.isPresent()) {
      ImmutableRef ref = base.get();
      if (output) { // it cannot change: the output is the input
        outputs.add(new Output.Passed(RefResult.of(ref.share())));
      }
      add(mount, show(ref.mount()));
      return;
    }
    MutableRef ref = newMutable(mount, base);
    if (output) {
      outputs.add(new Output.Written(ref));
    } else {
      holds.add(ref);
    }
    add(mount, show(ref.mount()));
  }

  /**
   * Holds all cache mounts before anything else, each once, in the order of their keys: two steps
   * that lock the same directories would else wait for each other for ever.
   */
  private void holdCaches() throws InterruptedException {
    Map<String, Mount> byKey = new TreeMap<>();
    for (Mount mount : wanted.mounts()) {
      if (mount.getMountType() == MountType.CACHE) {
        byKey.putIfAbsent(cacheKey(mount), mount);
      }
    }
    for (Map.Entry<String, Mount> one : byKey.entrySet()) {
      Mount mount = one.getValue();
      String id = mount.getCacheOpt().getID();
      String description = "cached mount " + mount.getDest() + " from " + wanted.purpose();
      if (!id.equals(mount.getDest())) {
        description += " with id \"" + id + "\"";
      }
      CacheMounts.CacheMount held =
          settings
              .cacheMounts()
              .acquire(id, input(mount), mount.getCacheOpt().getSharing(), description);
      holds.add(held);
      caches.put(one.getKey(), held);
    }
  }

  private String cacheKey(Mount mount) {
    if (!mount.hasCacheOpt()) {
      throw BuildException.invalid("missing cache mount options");
    }
    String id = mount.getCacheOpt().getID();
    return input(mount).map(ref -> id + ":" + ref.id()).orElse(id);
  }

  /** The same directory at two places of one step is one directory. */
  private void cache(Mount mount) throws Exception {
    CacheMounts.CacheMount held = Objects.requireNonNull(caches.get(cacheKey(mount)));
    Optional<ImmutableRef> base = input(mount);
    if (mount.getOutput() != -1 && base.isPresent()) {
      outputs.add(new Output.Passed(RefResult.of(base.get().share())));
    }
    add(mount, show(held.mount()));
  }

  private void secret(Mount mount) throws Exception {
    if (!mount.hasSecretOpt()) {
      throw BuildException.invalid("invalid secret mount options");
    }
    SecretOpt option = mount.getSecretOpt();
    if (option.getID().isEmpty()) {
      throw BuildException.invalid("secret ID missing from mount options");
    }
    Optional<byte[]> value = Secrets.get(sessions, option.getID());
    if (value.isEmpty()) {
      if (option.getOptional()) {
        return;
      }
      throw BuildException.notFound("secret " + option.getID() + ": not found");
    }
    boolean executable = (option.getMode() & 0111) != 0;
    Path file = secretsDirectory(executable).resolve(scratchName());
    try (FileChannel out = TreeFiles.create(file)) {
      Channels.newOutputStream(out).write(value.get());
    }
    Linux.lchown(file, option.getUid(), option.getGid());
    Linux.chmod(file, option.getMode() & 0777);
    mounts.add(new ProcessMount.Secret(file, destination(mount), executable));
  }

  /** The client's agent as a socket; without one, an optional mount is none. */
  private void ssh(Mount mount) throws Exception {
    if (!mount.hasSSHOpt()) {
      throw BuildException.invalid("invalid ssh mount options");
    }
    SSHOpt option = mount.getSSHOpt();
    Session client;
    try {
      client = SshForward.find(sessions, option.getID());
    } catch (BuildException e) {
      if (option.getOptional()) {
        return;
      }
      throw e;
    }
    Path socket = settings.scratch().resolve(scratchName());
    SshForward forward = SshForward.listen(client, option.getID(), socket);
    mounted.push(forward);
    Linux.lchown(socket, option.getUid(), option.getGid());
    Linux.chmod(socket, option.getMode() & 0777);
    mounts.add(new ProcessMount.Bind(socket, destination(mount), false));
  }

  /** Shows a file of the daemon's own. */
  void show(byte[] content, String destination) throws Exception {
    Path file = settings.scratch().resolve(scratchName());
    mounted.push(() -> Files.deleteIfExists(file));
    try (FileChannel out = TreeFiles.create(file)) {
      Channels.newOutputStream(out).write(content);
    }
    Linux.chmod(file, 0400);
    mounts.add(new ProcessMount.Bind(file, destination, true));
  }

  /** Memory, so that no secret reaches a disk. */
  private Path secretsDirectory(boolean executable) throws Exception {
    Path known = executable ? executableSecrets : secrets;
    if (known != null) {
      return known;
    }
    Path at = settings.scratch().resolve(scratchName());
    Linux.mkdir(at, 0700);
    long flags = Linux.MS_NODEV | Linux.MS_NOSUID | (executable ? 0 : Linux.MS_NOEXEC);
    Threads.nativeCalls()
        .callUninterruptibly(() -> {
          Linux.mount("tmpfs", at, "tmpfs", flags, "mode=0700");
          return true;
        });
    mounted.push(() -> detach(at, true));
    if (executable) {
      executableSecrets = at;
    } else {
      secrets = at;
    }
    return at;
  }

  private static String scratchName() {
    return Long.toString(LAST.incrementAndGet());
  }

  private MutableRef newMutable(Mount mount, Optional<ImmutableRef> base) {
    MutableRef ref =
        settings
            .cache()
            .newMutable(
                base, RefOptions.of("mount " + mount.getDest() + " from " + wanted.purpose()));
    writable.put(mount, ref);
    return ref;
  }

  private Path show(Mounted at) {
    mounted.push(at);
    return at.path();
  }

  private String destination(Mount mount) {
    String destination = mount.getDest();
    return RootedPath.clean(
        destination.startsWith("/") ? destination : wanted.cwd() + "/" + destination);
  }

  private void add(Mount mount, Path source) throws Exception {
    trees.put(mount, source);
    String selector = RootedPath.clean(mount.getSelector());
    Path shown = selector.equals("/") ? source : pinned(source, selector);
    mounts.add(new ProcessMount.Bind(shown, destination(mount), mount.getReadonly()));
  }

  /**
   * A file or directory inside a tree that others may be changing: found by the kernel without
   * leaving the tree, and bound to a place of ours, so that it stays what was found
   * (GHSA-m3r6-h7wv-7xxv).
   */
  private Path pinned(Path tree, String selector) throws Exception {
    Path at = settings.scratch().resolve(scratchName());
    Threads.nativeCalls()
        .callUninterruptibly(() -> {
          pin(tree, selector, at);
          return true;
        });
    return at;
  }

  private void pin(Path tree, String selector, Path at) throws Exception {
    try (TreeFiles.PathHandle found = TreeFiles.holdIn(tree, selector)) {
      boolean isDirectory = found.stat().isDirectory();
      if (isDirectory) {
        Linux.mkdir(at, 0700);
      } else {
        Files.createFile(at);
      }
      try {
        Linux.mount(found.path().toString(), at, "", Linux.MS_BIND | Linux.MS_REC, "");
      } catch (LinuxException e) {
        Files.deleteIfExists(at);
        throw e;
      }
      mounted.push(() -> detach(at, isDirectory));
    } catch (LinuxException e) {
      throw BuildException.unknown(
          "failed to mount " + selector + ": " + Errno.describe(e.errno()), e);
    }
  }

  private static void detach(Path at, boolean isDirectory) {
    Cleanup.run(
        "unmount " + at,
        () ->
            Threads.nativeCalls()
                .callUninterruptibly(() -> {
                  Linux.umount(at, Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
                  if (isDirectory) {
                    Linux.rmdir(at);
                  } else {
                    Linux.unlink(at);
                  }
                  return true;
                }));
  }

  /** Ends the step's mounts and makes its outputs last. */
  List<SharedResult> commit() {
    unmount();
    List<SharedResult> out = new ArrayList<>();
    boolean done = false;
    try {
      while (!outputs.isEmpty()) {
        switch (outputs.getFirst()) {
          case Output.Written(MutableRef ref) -> out.add(RefResult.of(ref.commit()));
          case Output.Passed(SharedResult result) -> out.add(result);
        }
        outputs.removeFirst();
      }
      done = true;
      return out;
    } finally {
      if (!done) {
        out.forEach(SharedResult::close);
      }
    }
  }

  /**
   * Ends the mounts and hands over what they showed, for whoever looks into why the processes have
   * failed: the inputs, and what was written.
   */
  FailedMounts failed() {
    unmount();
    List<Optional<ImmutableRef>> seen = new ArrayList<>();
    List<FailedMounts.State> left = new ArrayList<>();
    for (Mount mount : wanted.mounts()) {
      seen.add(input(mount).map(ImmutableRef::share));
      MutableRef written = writable.get(mount);
      left.add(
          written != null
              ? new FailedMounts.State.Written(written)
              : input(mount)
                  .<FailedMounts.State>map(ref -> new FailedMounts.State.Given(ref.share()))
                  .orElseGet(FailedMounts.State.Nothing::new));
    }
    outputs.removeIf(output -> output instanceof Output.Written);
    holds.removeIf(hold -> hold instanceof MutableRef);
    return FailedMounts.of(seen, left);
  }

  private void unmount() {
    while (!mounted.isEmpty()) {
      AutoCloseable last = mounted.pop();
      Cleanup.run("unmount", last::close);
    }
  }

  @Override
  public void close() {
    unmount();
    for (Output output : outputs) {
      switch (output) {
        case Output.Written(MutableRef ref) -> ref.close();
        case Output.Passed(SharedResult result) -> result.close();
      }
    }
    outputs.clear();
    for (AutoCloseable hold : holds.reversed()) {
      Cleanup.run("release", hold::close);
    }
    holds.clear();
  }
}
