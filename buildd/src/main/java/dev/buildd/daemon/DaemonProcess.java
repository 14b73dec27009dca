package dev.buildd.daemon;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.Defects;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon as a process among others. Told to end by SIGTERM or SIGINT, it takes no new builds,
 * lets running ones finish for a while, and ends; told so again, it cancels them. SIGHUP makes it
 * read its settings anew, SIGUSR1 log the stacks of all threads.
 */
final class DaemonProcess {
  private static final Logger log = LoggerFactory.getLogger(DaemonProcess.class);

  private enum Event {
    STOP,
    RELOAD,
    IDLE
  }

  /** Gives the settings as they are written now. */
  @FunctionalInterface
  interface Settings {
    BuilddConfig read() throws Exception;
  }

  private final Settings settings;
  private final ServiceManager manager;
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

  DaemonProcess(Settings settings, ServiceManager manager) {
    this.settings = settings;
    this.manager = manager;
  }

  /** Serves until it is told to end. Signals that come while it starts count once it serves. */
  void run() throws Exception {
    BuilddConfig config = settings.read();
    // before the first socket answers: who is told to stop then has to end in order too
    ProcessSignals.on("TERM", () -> events.add(Event.STOP));
    ProcessSignals.on("INT", () -> events.add(Event.STOP));
    ProcessSignals.on("HUP", () -> events.add(Event.RELOAD));
    // SIGQUIT is the JVM's own: it tells of platform threads alone, where no step is
    ProcessSignals.on("USR1", DaemonProcess::logThreads);
    Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> {
      log.error("a thread has ended by a defect name=\"{}\"", thread.getName(), failure);
      Defects.met("thread " + thread.getName(), failure);
    });
    try (Daemon daemon = Daemon.start(config)) {
      manager.ready("serving " + String.join(" ", config.grpc().addresses()));
      Thread pulse = Threads.unstarted("watchdog", () -> manager.keepAlive(daemon::isWell));
      pulse.start();
      while (events.take() == Event.RELOAD) {
        reload(daemon);
      }
      drain(daemon);
      pulse.interrupt();
    }
  }

  private static void logThreads() {
    try {
      String stacks = new String(ThreadDump.take(), StandardCharsets.UTF_8);
      log.atInfo().addKeyValue("stacks", new Logging.Lines(stacks)).log("stacks of all threads");
    } catch (IOException | ReflectiveOperationException e) {
      log.error("stacks of threads cannot be told", e);
    }
  }

  private void reload(Daemon daemon) {
    manager.reloading();
    BuilddConfig before = daemon.config();
    try {
      List<String> later = daemon.use(settings.read());
      log.info("configuration was read anew");
      later.forEach(name ->
          log.warn("{} has changed, which takes effect when the daemon is started anew", name));
    } catch (Exception e) {
      Logging.apply(before.log());
      log.error(
          "configuration cannot be used, the earlier one stands cause=\"{}\"", e.getMessage());
    }
    manager.ready("serving " + String.join(" ", before.grpc().addresses()));
  }

  private void drain(Daemon daemon) throws InterruptedException {
    Duration patience = daemon.config().grpc().drain();
    int running = daemon.drain(() -> events.add(Event.IDLE));
    log.info("stopping server builds={}", running);
    manager.stopping(
        running == 0
            ? "stopping"
            : "stopping: builds that run have " + patience.toSeconds() + " s to finish");
    long deadline = System.nanoTime() + patience.toNanos();
    @Nullable Event event = Event.RELOAD;
    while (event == Event.RELOAD) { // there is nothing left to be set up
      event = events.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
    }
    if (event == Event.IDLE) {
      daemon.finishCalls();
    } else if (event == null) {
      log.warn("builds that did not finish in time are cancelled drainTimeout={}", patience);
    } else {
      log.warn("told to stop again: builds that run are cancelled");
    }
  }
}
