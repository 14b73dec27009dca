package dev.buildd.worker.runc;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.metrics.ResourceSample;
import dev.buildd.base.metrics.ResourceUsage;
import dev.buildd.solver.executor.Container;
import dev.buildd.solver.executor.ContainerProcess;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/**
 * A container of runc's: a {@code runc run} for its first process, a {@code runc exec} for more.
 */
final class RuncContainer implements Container {
  /**
   * What it is made of.
   *
   * @param bundle its directory, with its configuration
   * @param release takes away what is left of it once nothing runs; is told whether its command
   *     ended by itself
   */
  record Parts(
      Runc runc,
      Path bundle,
      ProcessSpec spec,
      RuntimeSpec.Container container,
      RuntimeSpec.Machine machine,
      Consumer<Boolean> release,
      Cgroups cgroups,
      String cgroup) {
    String id() {
      return container.id();
    }
  }

  private final Parts parts;
  private final RuncProcess first;
  private final List<RuncProcess> joined = new ArrayList<>(); // guarded by this
  private final CountDownLatch gone = new CountDownLatch(1);
  private int started; // guarded by this
  private int starting; // guarded by this
  private boolean closed; // guarded by this

  private RuncContainer(Parts parts, RuncProcess first) {
    this.parts = parts;
    this.first = first;
  }

  static RuncContainer start(Parts parts, ProcessIo io) throws IOException {
    RuncProcess first =
        RuncProcess.start(
            parts.id(),
            Runc.pidFile(parts.bundle()),
            io,
            streams -> parts.runc().start(parts.bundle(), parts.id(), streams));
    return new RuncContainer(parts, first);
  }

  @Override
  public ContainerProcess first() {
    return first;
  }

  @Override
  public ContainerProcess exec(Joining process, ProcessIo io) throws Exception {
    if (process.args().isEmpty()) {
      throw BuildException.invalid("process has no arguments");
    }
    RuncExecutor.refuseDescriptor(RootedPath.clean(process.cwd()), process.cwd());
    int number;
    synchronized (this) {
      if (closed) {
        throw ended();
      }
      number = ++started;
      starting++;
    }
    try {
      if (!first.awaitRunning()) {
        throw ended();
      }
      return join(process, io, number);
    } finally {
      synchronized (this) {
        starting--;
        notifyAll();
      }
    }
  }

  private RuncProcess join(Joining process, ProcessIo io, int number) throws IOException {
    Path file = parts.bundle().resolve("exec-" + number + ".json");
    Files.write(file, json(process, io.terminal()));
    Path pidFile = parts.bundle().resolve("exec-" + number + ".pid");
    RuncProcess made =
        RuncProcess.start(
            parts.id() + "-" + number,
            pidFile,
            io,
            streams -> parts.runc().exec(parts.bundle(), parts.id(), file, pidFile, streams));
    synchronized (this) {
      joined.removeIf(RuncProcess::hasEnded);
      joined.add(made);
    }
    return made;
  }

  private BuildException ended() {
    return new BuildException(
        Category.FAILED_PRECONDITION, "container " + parts.id() + " is not running");
  }

  private byte[] json(Joining process, boolean terminal) throws IOException {
    RuntimeSpec.Container own = parts.container();
    return RuntimeSpec.json(
        process,
        parts.spec(),
        new RuntimeSpec.Container(
            own.id(),
            ContainerUser.lookup(parts.spec().root(), process.user()),
            own.resolvConf(),
            own.hosts(),
            own.network(),
            own.cgroupParent(),
            own.apparmorProfile(),
            own.traceSocket(),
            terminal),
        parts.machine());
  }

  @Override
  public ResourceSample sample() throws IOException {
    return parts.cgroups().sample(parts.cgroup());
  }

  @Override
  public ResourceUsage usage() throws IOException {
    return parts.cgroups().usage(parts.cgroup());
  }

  @Override
  public boolean ranOutOfMemory() throws IOException {
    return parts.cgroups().killedForMemory(parts.cgroup());
  }

  @Override
  public void close() {
    boolean mine;
    synchronized (this) {
      mine = !closed;
      closed = true;
    }
    if (!mine) {
      Scope.awaitUninterruptibly(gone);
      return;
    }
    try {
      end();
    } finally {
      gone.countDown();
    }
  }

  private void end() {
    // with the first all others in its pid namespace are killed, but not a command that has not
    // come there yet
    first.kill(parts.runc());
    Cleanup.runToEnd("stop container " + parts.id(), this::awaitStarted);
    List<RuncProcess> left;
    synchronized (this) {
      left = List.copyOf(joined);
    }
    left.forEach(one -> one.kill(parts.runc()));
    Cleanup.run(
        "release container " + parts.id(), () -> parts.release().accept(first.endedOrderly()));
  }

  private synchronized void awaitStarted() throws InterruptedException {
    while (starting > 0) {
      wait();
    }
  }
}
