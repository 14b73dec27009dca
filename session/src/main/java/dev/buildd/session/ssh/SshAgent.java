package dev.buildd.session.ssh;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Stat;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What a build reaches under one id on the client's machine. */
public sealed interface SshAgent {
  /** A socket of any kind: bytes go through as they are. */
  record Raw(Path socket) implements SshAgent {}

  /** An agent at a socket: its keys are listed and sign, and it is not changed. */
  record Socket(Path socket) implements SshAgent {}

  /** Keys of files: this program is their agent. */
  record Keys(List<SshKey> keys) implements SshAgent {
    public Keys {
      keys = List.copyOf(keys);
    }
  }

  /**
   * What stands at the paths: one socket, or files with private keys, which are read at once.
   *
   * @param raw whether the socket need not be an agent's
   */
  static SshAgent at(List<Path> paths, boolean raw) throws IOException {
    if (raw && paths.size() != 1) {
      throw BuildException.invalid("raw mode must supply exactly one path");
    }
    List<Path> sockets = new ArrayList<>();
    List<SshKey> keys = new ArrayList<>();
    for (Path path : paths) {
      if (isSocket(path)) {
        sockets.add(path);
      } else if (raw) {
        throw BuildException.invalid("raw mode only supported with socket paths");
      } else {
        keys.add(key(path));
      }
    }
    if (sockets.isEmpty()) {
      return new Keys(keys);
    }
    if (!keys.isEmpty()) {
      throw BuildException.invalid("invalid combination of keys and sockets");
    }
    if (sockets.size() > 1) {
      throw BuildException.invalid("only single socket allowed");
    }
    return raw ? new Raw(sockets.getFirst()) : new Socket(sockets.getFirst());
  }

  private static boolean isSocket(Path path) throws IOException {
    try {
      int mode = (Integer) Files.getAttribute(path, "unix:mode");
      return (mode & Stat.S_IFMT) == Stat.S_IFSOCK;
    } catch (NoSuchFileException e) {
      throw BuildException.invalid("stat " + path + ": no such file or directory");
    }
  }

  private static SshKey key(Path path) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      return SshKey.parse(in.readNBytes(SshKey.MAX_FILE));
    } catch (BuildException e) {
      throw BuildException.invalid("failed to parse " + path + ": " + e.getMessage());
    }
  }
}
