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
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Everything mounted for one step, and what becomes of it: what the step writes where an output is
 * wanted is committed, all else is given back.
 */
final class ExecMounts implements AutoCloseable {
  private static final AtomicLong LAST = new AtomicLong();

  private final ExecOp message;
  private final ExecSettings settings;
  private final SessionGroup sessions;
  private final List<Optional<ImmutableRef>> inputs;
  private final Deque<AutoCloseable> mounted = new ArrayDeque<>();
  private final List<AutoCloseable> holds = new ArrayList<>();
  private final Map<String, CacheMounts.CacheMount> caches = new HashMap<>();
  private final List<Output> outputs = new ArrayList<>();
  private final List<ProcessMount> mounts = new ArrayList<>();
  private @Nullable Path root;
  private boolean readOnlyRoot;
  private @Nullable Path secrets;
  private @Nullable Path executableSecrets;

  private sealed interface Output {
    record Written(MutableRef ref) implements Output {}

    record Passed(SharedResult result) implements Output {}
  }

  ExecMounts(
      ExecOp message,
      ExecSettings settings,
      SessionGroup sessions,
      List<Optional<ImmutableRef>> inputs) {
    this.message = message;
    this.settings = settings;
    this.sessions = sessions;
    this.inputs = inputs;
  }

  /** Mounts all; on failure {@link #close} gives back what was mounted so far. */
  void prepare() throws Exception {
    holdCaches();
    for (Mount mount : message.getMountsList()) {
      if (mount.getDest().equals("/")) {
        prepareRoot(mount);
      } else {
        prepare(mount);
      }
    }
    mounts.sort(Comparator.comparing(ProcessMount::destination)); // parents before what is in them
  }

  Path root() {
    Path at = root;
    if (at == null) {
      throw BuildException.invalid("invalid exec op with no rootfs");
    }
    return at;
  }

  boolean isReadOnlyRoot() {
    return readOnlyRoot;
  }

  List<ProcessMount> mounts() {
    return mounts;
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
    root = show(ref.mount());
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
    Map<String, Mount> wanted = new TreeMap<>();
    for (Mount mount : message.getMountsList()) {
      if (mount.getMountType() == MountType.CACHE) {
        wanted.putIfAbsent(cacheKey(mount), mount);
      }
    }
    for (Map.Entry<String, Mount> one : wanted.entrySet()) {
      Mount mount = one.getValue();
      String id = mount.getCacheOpt().getID();
      String description = "cached mount " + mount.getDest() + " from exec " + command();
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
    Path file = secretsDirectory((option.getMode() & 0111) != 0).resolve(scratchName());
    try (FileChannel out = TreeFiles.create(file)) {
      Channels.newOutputStream(out).write(value.get());
    }
    Linux.lchown(file, option.getUid(), option.getGid());
    Linux.chmod(file, option.getMode() & 0777);
    mounts.add(new ProcessMount.Bind(file, destination(mount), true));
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

  private String command() {
    return String.join(" ", message.getMeta().getArgsList());
  }

  private MutableRef newMutable(Mount mount, Optional<ImmutableRef> base) {
    return settings
        .cache()
        .newMutable(base, RefOptions.of("mount " + mount.getDest() + " from exec " + command()));
  }

  private Path show(Mounted at) {
    mounted.push(at);
    return at.path();
  }

  private String destination(Mount mount) {
    String destination = mount.getDest();
    return RootedPath.clean(
        destination.startsWith("/") ? destination : message.getMeta().getCwd() + "/" + destination);
  }

  private void add(Mount mount, Path source) throws Exception {
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
