package dev.buildd.daemon;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd, or whoever speaks sd_notify(3), how the daemon is; nobody where nobody asked for
 * it. That it cannot be told is no failure of the daemon's.
 */
final class ServiceManager {
  private static final Logger log = LoggerFactory.getLogger(ServiceManager.class);

  private final Optional<String> socket;
  private final Optional<Duration> watchdog;

  private ServiceManager(Optional<String> socket, Optional<Duration> watchdog) {
    this.socket = socket;
    this.watchdog = watchdog;
  }

  /** The one that the environment names. */
  static ServiceManager of(Map<String, String> environment) {
    Optional<String> socket =
        Optional.ofNullable(environment.get("NOTIFY_SOCKET")).filter(name -> !name.isEmpty());
    if (socket.isPresent() && !socket.get().startsWith("/") && !socket.get().startsWith("@")) {
      log.warn("NOTIFY_SOCKET is neither a path nor an abstract name, and was ignored");
      socket = Optional.empty();
    }
    return new ServiceManager(socket, watchdog(environment));
  }

  private static Optional<Duration> watchdog(Map<String, String> environment) {
    String micros = environment.get("WATCHDOG_USEC");
    String pid = environment.getOrDefault("WATCHDOG_PID", "");
    if (micros == null || !(pid.isEmpty() || pid.equals(own()))) {
      return Optional.empty();
    }
    try {
      return Optional.of(Duration.ofNanos(Math.multiplyExact(Long.parseLong(micros), 1000L)))
          .filter(Duration::isPositive);
    } catch (ArithmeticException | NumberFormatException e) {
      log.warn("WATCHDOG_USEC is no number of microseconds, and was ignored");
      return Optional.empty();
    }
  }

  private static String own() {
    return Long.toString(ProcessHandle.current().pid());
  }

  /** It serves. */
  void ready(String status) {
    send("READY=1\nSTATUS=" + status);
  }

  /** It reads its settings; to be followed by {@link #ready}. */
  void reloading() {
    // nanoTime is CLOCK_MONOTONIC, as systemd compares it with its own
    send("RELOADING=1\nMONOTONIC_USEC=" + System.nanoTime() / 1000);
  }

  /** It has begun to end. */
  void stopping(String status) {
    send("STOPPING=1\nSTATUS=" + status);
  }

  /** Says whether the daemon answers within a time. */
  @FunctionalInterface
  interface Check {
    boolean isWell(Duration patience) throws InterruptedException;
  }

  /**
   * Until it is interrupted, says twice in the time that the watchdog gives that the daemon is
   * well, while it is. Returns at once if there is no watchdog.
   */
  void keepAlive(Check check) {
    if (watchdog.isEmpty() || socket.isEmpty()) {
      return;
    }
    Duration half = watchdog.get().dividedBy(2);
    try {
      while (true) {
        long began = System.nanoTime();
        if (check.isWell(half)) {
          send("WATCHDOG=1");
        } else {
          log.error("the daemon does not answer itself, the watchdog is not told that it is well");
        }
        Thread.sleep(half.minusNanos(Math.min(System.nanoTime() - began, half.toNanos())));
      }
    } catch (InterruptedException e) {
      // the daemon ends
    }
  }

  private void send(String text) {
    if (socket.isEmpty()) {
      return;
    }
    try {
      Linux.sendDatagram(socket.get(), text.getBytes(StandardCharsets.UTF_8));
    } catch (LinuxException e) {
      log.warn("service manager could not be told text=\"{}\"", text.replace('\n', ' '), e);
    }
  }
}
