package dev.buildd.worker.runc;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.PrivateDirectory;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.text.Ids;
import dev.buildd.solver.executor.Container;
import dev.buildd.solver.executor.Executor;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessMount;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.executor.ProcessSpec.Network;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs every process in a fresh container of runc. A container lives below a directory named after
 * its id, the bundle, which is there from before the container is made until nothing of it is left:
 * that is how {@link #recover} finds what a dead daemon has left.
 */
public final class RuncExecutor implements Executor {
  private static final Logger log = LoggerFactory.getLogger(RuncExecutor.class);
  private static final Pattern ID = Pattern.compile("[0-9a-z]{25}");
  private static final Pattern DESCRIPTORS = Pattern.compile("/proc/[^/]+/(task/[^/]+/)?fd(/.*)?");

  private final RuncSettings settings;
  private final Path root;
  private final Runc runc;
  private final RuntimeSpec.Machine machine;
  private final Cgroups cgroups;

  public RuncExecutor(RuncSettings settings) {
    this.settings = settings;
    try {
      PrivateDirectory.make(settings.root());
      this.root = settings.root().toRealPath();
      this.runc = new Runc(settings.runc(), root.resolve("runc"));
      this.machine = RuntimeSpec.Machine.detect();
      this.cgroups = Cgroups.detect();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Container start(ProcessSpec process, ProcessIo io) throws Exception {
    check(process);
    String id = Ids.random();
    Path bundle = root.resolve(id);
    String cgroup = RuntimeSpec.cgroupPath(process, settings.cgroupParent(), id);
    MountStubs stubs =
        MountStubs.note(process.root(), mountPoints(process), process.removeMountStubsRecursive());
    Consumer<Boolean> release =
        orderly -> {
          Cleanup.runToEnd("container " + id, () -> release(id, bundle, cgroup, orderly));
          Cleanup.runToEnd("mount stubs of container " + id, stubs::remove);
        };
    try {
      RuntimeSpec.Container container = prepare(process, id, bundle, io.terminal());
      Files.write(bundle.resolve("config.json"), RuntimeSpec.json(process, container, machine));
      return RuncContainer.start(
          new RuncContainer.Parts(
              runc, bundle, process, container, machine, release, cgroups, cgroup),
          io);
    } catch (Exception | Error e) {
      release.accept(false);
      throw e;
    }
  }

  private static void check(ProcessSpec process) {
    if (process.args().isEmpty()) {
      throw BuildException.invalid("process has no arguments");
    }
    for (ProcessMount mount : process.mounts()) {
      if (!mount.destination().equals(RootedPath.clean(mount.destination()))) {
        throw BuildException.invalid("mount point is not clean: " + mount.destination());
      }
    }
    if (process.cgroupParent().contains("..")) {
      throw BuildException.invalid("invalid cgroup parent: " + process.cgroupParent());
    }
  }

  /** What runc may have to make in the root filesystem. */
  private static List<String> mountPoints(ProcessSpec process) {
    List<String> out = new ArrayList<>(List.of("/etc/resolv.conf", "/etc/hosts"));
    process.mounts().forEach(mount -> out.add(mount.destination()));
    return out;
  }

  private RuntimeSpec.Container prepare(
      ProcessSpec process, String id, Path bundle, boolean terminal) throws IOException {
    Linux.mkdir(bundle, 0700); // its configuration holds the environment
    Files.writeString(
        cgroupFile(bundle), RuntimeSpec.cgroupPath(process, settings.cgroupParent(), id));
    Path hosts = bundle.resolve("hosts");
    String hostname =
        process.hostname().isEmpty() ? RuntimeSpec.DEFAULT_HOSTNAME : process.hostname();
    write(hosts, NetworkFiles.hosts(hostname, process.extraHosts()));
    ContainerUser user = ContainerUser.lookup(process.root(), process.user());
    makeWorkingDirectory(process.root(), process.cwd(), user);
    return new RuntimeSpec.Container(
        id,
        user,
        resolvConf(process.network() == Network.HOST),
        hosts,
        process.network() == Network.DEFAULT ? settings.defaultNetwork() : process.network(),
        settings.cgroupParent(),
        settings.apparmorProfile(),
        // without it a step is as ever: whoever removed it took tracing, not builds
        settings.traceSocket().filter(Files::exists),
        terminal);
  }

  private static Path cgroupFile(Path bundle) {
    return bundle.resolve("cgroup");
  }

  private static void write(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Linux.chmod(file, 0644); // whatever the daemon's umask is
  }

  /** Brings the shared file up to date; steps that run keep the file they have mounted. */
  private synchronized Path resolvConf(boolean hostNetwork) throws IOException {
    Path file = root.resolve(hostNetwork ? "resolv-host.conf" : "resolv.conf");
    String wanted = NetworkFiles.resolvConf(settings.dns(), hostNetwork);
    if (!Files.exists(file) || !Files.readString(file).equals(wanted)) {
      Path fresh = root.resolve(file.getFileName() + ".tmp");
      write(fresh, wanted);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
    return file;
  }

  /** In the container that would be a descriptor of the runtime's (CVE-2024-21626). */
  static void refuseDescriptor(String inside, String cwd) {
    if (DESCRIPTORS.matcher(inside).matches()) {
      throw BuildException.invalid("invalid working directory " + cwd);
    }
  }

  private static void makeWorkingDirectory(Path rootfs, String cwd, ContainerUser owner)
      throws IOException {
    Path path = RootedPath.resolve(rootfs, cwd);
    String inside = RootedPath.inside(rootfs, path);
    refuseDescriptor(inside, cwd);
    Deque<Path> missing = new ArrayDeque<>();
    for (@Nullable Path at = path; at != null && !at.equals(rootfs); at = at.getParent()) {
      if (Linux.exists(at)) {
        break;
      }
      missing.push(at);
    }
    for (Path directory : missing) {
      try {
        Linux.mkdir(directory, 0755);
        Linux.chmod(directory, 0755);
        Linux.lchown(directory, (int) owner.uid(), (int) owner.gid());
      } catch (LinuxException e) {
        throw BuildException.unknown(
            "failed to create working directory " + cwd + ": " + Errno.describe(e.errno()), e);
      }
    }
  }

  /**
   * Takes away what is left.
   *
   * @param ended whether the container's command has ended by itself
   */
  private void release(String id, Path bundle, String cgroup, boolean ended)
      throws IOException, InterruptedException {
    if (ended && Cgroups.isPath(cgroup)) {
      runc.forget(id);
    } else if (runc.knows(id)) {
      runc.delete(id);
    }
    cgroups.destroy(cgroup);
    FileTree.delete(bundle);
  }

  @Override
  public void recover() {
    try {
      runc.killCommands();
      for (String id : runc.list()) {
        log.info("delete left container id={}", id);
        Cleanup.run("container " + id, () -> runc.delete(id));
      }
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
        for (Path bundle : entries) {
          String id = String.valueOf(bundle.getFileName());
          if (ID.matcher(id).matches()) {
            Cleanup.run("bundle " + id, () -> release(id, bundle, cgroupOf(bundle), false));
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String cgroupOf(Path bundle) throws IOException {
    try {
      return Files.readString(cgroupFile(bundle), StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      return ""; // it died before there was one
    }
  }
}
