package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Listening sockets that whoever started the process has passed on to it, as sd_listen_fds(3) has
 * it. They stay the giver's: nothing here removes them from the file system.
 */
final class PassedSockets {
  private static final int FIRST = 3;

  /**
   * One of them.
   *
   * @param name what the giver calls it; {@code unknown} if it says nothing
   */
  record Passed(int descriptor, String name) {}

  private final List<Passed> all;

  private PassedSockets(List<Passed> all) {
    this.all = List.copyOf(all);
  }

  /** Those that the environment tells of and that are for the process of that number. */
  static PassedSockets of(Map<String, String> environment, long pid) {
    List<Passed> all = new ArrayList<>();
    if (Long.toString(pid).equals(environment.get("LISTEN_PID"))) {
      String[] names = environment.getOrDefault("LISTEN_FDNAMES", "").split(":", -1);
      for (int i = 0; i < count(environment.getOrDefault("LISTEN_FDS", "")); i++) {
        boolean named = i < names.length && !names[i].isEmpty();
        all.add(new Passed(FIRST + i, named ? names[i] : "unknown"));
      }
    }
    return new PassedSockets(all);
  }

  private static int count(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  /**
   * Those that an address means.
   *
   * @param wanted what follows {@code fd://}: nothing for all of them, a name, which several may
   *     have, or the number of a descriptor
   * @return at least one; each accepts connections
   * @throws BuildException if there is none, or one that is no listening socket
   */
  List<Passed> find(String wanted) {
    if (all.isEmpty()) {
      throw new BuildException(
          Category.FAILED_PRECONDITION,
          "no sockets found via socket activation: make sure the service was started by systemd");
    }
    List<Passed> found =
        all.stream()
            .filter(one ->
                wanted.isEmpty()
                    || wanted.equals(one.name())
                    || wanted.equals(Integer.toString(one.descriptor())))
            .toList();
    if (found.isEmpty()) {
      throw BuildException.notFound("no socket was passed for fd://" + wanted + ", but " + all);
    }
    found.forEach(PassedSockets::check);
    return found;
  }

  private static void check(Passed socket) {
    try {
      Linux.SocketKind kind = Linux.socketKind(socket.descriptor());
      if (kind.type() == Linux.SOCK_STREAM && kind.isListening()) {
        return;
      }
    } catch (LinuxException e) {
      throw new BuildException(
          Category.FAILED_PRECONDITION,
          "passed descriptor " + socket.descriptor() + " is no socket: " + e.getMessage());
    }
    throw new BuildException(
        Category.FAILED_PRECONDITION,
        "passed descriptor "
            + socket.descriptor()
            + " is no socket that listens for streams; Accept= of the socket unit must be no");
  }
}
