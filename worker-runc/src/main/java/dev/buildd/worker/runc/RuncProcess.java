package dev.buildd.worker.runc;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.linux.Linux.WindowSize;
import dev.buildd.solver.executor.ContainerProcess;
import dev.buildd.solver.executor.ProcessIo;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A command of runc in the foreground, which stands for the process that it has started. */
final class RuncProcess implements ContainerProcess {
  private static final Logger log = LoggerFactory.getLogger(RuncProcess.class);
  private static final int SIGWINCH = 28;
  private static final int BUFFER = 32 << 10; // as much as BuildKit sends at once

  private final String name;
  private final Process command;
  private final Path pidFile;
  private final Optional<Pseudoterminal> terminal;
  private final CountDownLatch written;
  private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
  private final List<Thread> writers = new ArrayList<>(); // complete before others see this
  private @Nullable Thread feeder; // guarded by this
  private volatile boolean orderly; // whether the command ended by itself, after the process ran

  private RuncProcess(
      String name, Process command, Path pidFile, Optional<Pseudoterminal> terminal) {
    this.name = name;
    this.command = command;
    this.pidFile = pidFile;
    this.terminal = terminal;
    this.written = new CountDownLatch(terminal.isPresent() ? 1 : 2);
  }

  /** Starts the command. */
  @FunctionalInterface
  interface Starting {
    Process with(Runc.Streams streams) throws IOException;
  }

  static RuncProcess start(String name, Path pidFile, ProcessIo io, Starting starting)
      throws IOException {
    boolean input = io.hasInput();
    Optional<Pseudoterminal> terminal =
        io.terminal() ? Optional.of(Pseudoterminal.open()) : Optional.empty();
    Process command;
    try {
      command = starting.with(new Runc.Streams(input, terminal.map(Pseudoterminal::otherEnd)));
    } catch (IOException | RuntimeException e) {
      terminal.ifPresent(Pseudoterminal::close);
      throw e;
    }
    RuncProcess process = new RuncProcess(name, command, pidFile, terminal);
    process.connect(io, input);
    return process;
  }

  private void connect(ProcessIo io, boolean input) {
    writers.add(
        Threads.start("stdout " + name, () -> drain(command.getInputStream(), io.stdout())));
    if (terminal.isEmpty()) {
      writers.add(
          Threads.start("stderr " + name, () -> drain(command.getErrorStream(), io.stderr())));
    }
    if (input) {
      Thread thread = Threads.unstarted("stdin " + name, () -> feed(io.stdin()));
      synchronized (this) {
        feeder = thread;
      }
      thread.start();
      Threads.start("end of " + name, this::endInput);
    }
  }

  /** Whatever ends the process, nobody reads its input any more. */
  private void endInput() {
    Cleanup.runToEnd("wait for " + name, command::waitFor);
    synchronized (this) {
      if (feeder != null) {
        feeder.interrupt();
      }
    }
  }

  private void feed(InputStream from) {
    byte[] buffer = new byte[BUFFER];
    try (OutputStream to = command.getOutputStream()) {
      for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
        to.write(buffer, 0, n);
        to.flush();
      }
    } catch (InterruptedIOException e) {
      log.debug("input ended with its process name={}", name);
    } catch (IOException e) {
      log.debug("process reads no more name={} reason=\"{}\"", name, e.getMessage());
    }
  }

  private void drain(InputStream from, OutputStream to) {
    try {
      copy(from, to);
    } catch (IOException | RuntimeException e) {
      failure.compareAndSet(null, e);
    } finally {
      written.countDown();
    }
  }

  /** Reads to the end even if nobody takes it any more: a full pipe would stop the process. */
  private static void copy(InputStream from, OutputStream to) throws IOException {
    byte[] buffer = new byte[BUFFER];
    IOException failure = null;
    for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
      if (failure == null) {
        try {
          to.write(buffer, 0, n);
          to.flush();
        } catch (IOException e) {
          failure = e;
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /** Waits until the process runs; false if it ends before. */
  boolean awaitRunning() throws IOException, InterruptedException {
    return Runc.awaitRunning(command, pidFile);
  }

  boolean hasEnded() {
    return !command.isAlive() && written.getCount() == 0;
  }

  @Override
  public int await() throws Exception {
    int code = command.waitFor();
    written.await();
    terminal.ifPresent(Pseudoterminal::close);
    Exception failed = failure.get();
    if (failed != null) {
      throw failed;
    }
    return code;
  }

  @Override
  public void signal(int number) throws Exception {
    if (awaitRunning()) {
      Runc.signal(command, pidFile, number);
    }
  }

  @Override
  public void resize(WindowSize size) throws Exception {
    if (terminal.isPresent() && terminal.get().resize(size) && command.isAlive()) {
      Runc.send((int) command.pid(), SIGWINCH);
    }
  }

  /** Whether, once killed, all that is left is what runc keeps of a container that has ended. */
  boolean endedOrderly() {
    return orderly;
  }

  /** Kills the process and waits until nothing of the command is left. */
  void kill(Runc runc) {
    Cleanup.runToEnd(
        "kill " + name,
        () -> {
          orderly = runc.kill(command, pidFile);
          writers.forEach(Thread::interrupt); // nobody may be there who takes what it wrote
          written.await();
        });
    terminal.ifPresent(Pseudoterminal::close);
  }
}
