package dev.buildd.snapshot;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One call of {@code mount(2)} that makes a snapshot visible.
 *
 * @param type the filesystem, or {@code bind}
 * @param source a device or, for a bind, a directory
 * @param options as in fstab: flags such as {@code ro} and the filesystem's own
 */
public record Mount(String type, String source, List<String> options) {
  private static final int PAGE = 4096;

  public Mount {
    options = List.copyOf(options);
  }

  static Mount bind(Path directory, boolean readOnly) {
    return new Mount("bind", directory.toString(), List.of(readOnly ? "ro" : "rw", "rbind"));
  }

  public boolean isReadOnly() {
    return options.contains("ro");
  }

  /** The directory itself if all this mount does is show it elsewhere. */
  public Optional<Path> directory() {
    return type.equals("bind") ? Optional.of(Path.of(source)) : Optional.empty();
  }

  /** The same mount, but nothing can be written through it. */
  public Mount readOnly() {
    List<String> kept = new ArrayList<>(options);
    if (type.equals("overlay")) {
      kept.removeIf(o -> o.startsWith("workdir="));
      Optional<String> upper = kept.stream().filter(o -> o.startsWith("upperdir=")).findFirst();
      if (upper.isPresent()) {
        kept.remove(upper.get());
        String top = upper.get().substring("upperdir=".length());
        kept.replaceAll(o ->
            o.startsWith("lowerdir=")
                ? "lowerdir=" + top + ":" + o.substring("lowerdir=".length())
                : o);
      }
    }
    kept.remove("rw");
    if (!kept.contains("ro")) {
      kept.addFirst("ro");
    }
    return new Mount(type, source, kept);
  }

  /**
   * Mounts at an existing directory. Blocks in native code.
   *
   * @throws LinuxException if that cannot be done; ENOSPC if it was to be writable, and could be
   *     mounted read-only only
   */
  public void at(Path target) throws LinuxException {
    long flags = 0;
    List<String> data = new ArrayList<>();
    for (String option : options) {
      switch (option) {
        case "ro" -> flags |= Linux.MS_RDONLY;
        case "rw" -> {}
        case "bind" -> flags |= Linux.MS_BIND;
        case "rbind" -> flags |= Linux.MS_BIND | Linux.MS_REC;
        case "nosuid" -> flags |= Linux.MS_NOSUID;
        case "nodev" -> flags |= Linux.MS_NODEV;
        case "noexec" -> flags |= Linux.MS_NOEXEC;
        default -> data.add(option);
      }
    }
    if (type.equals("bind")) {
      Linux.mount(source, target, "", flags & ~Linux.MS_RDONLY, "");
      if ((flags & Linux.MS_RDONLY) != 0) { // a bind takes this flag only when mounted again
        Linux.mount("", target, "", flags | Linux.MS_REMOUNT, "");
      }
      return;
    }
    String text = String.join(",", data);
    if (text.length() < PAGE) {
      Linux.mount(source, target, type, flags, text);
    } else {
      mountShortened(target, flags, data);
    }
    if (type.equals("overlay") && data.stream().anyMatch(o -> o.startsWith("upperdir="))) {
      Linux.requireWritable(target);
    }
  }

  /**
   * The kernel takes one page of options. Layers share a directory, so an open descriptor of it
   * gives each of them a short name; where it leads is looked up while mounting only.
   */
  private void mountShortened(Path target, long flags, List<String> data) throws LinuxException {
    String first =
        data.stream().filter(o -> o.startsWith("lowerdir=")).findFirst().orElse("lowerdir=/");
    Path layer = Path.of(first.substring("lowerdir=".length()).split(":", 2)[0]);
    Path common = layer.resolve("../..").normalize();
    int fd = Linux.open(common, Linux.O_PATH | Linux.O_DIRECTORY, 0);
    try {
      String shortName = "/proc/self/fd/" + fd + "/";
      String text = String.join(",", data).replace(common + "/", shortName);
      Linux.mount(source, target, type, flags, text);
    } finally {
      Linux.close(fd);
    }
  }

  /** Unmounts everything mounted below the directory, as a dead process may have left it. */
  public static void detachAllBelow(Path directory) throws IOException {
    String prefix = directory.toRealPath() + "/";
    List<String> lines = Files.readAllLines(Path.of("/proc/self/mountinfo"));
    for (String line : lines.reversed()) { // mounted last, unmounted first
      String at = unescape(line.split(" ", 6)[4]);
      if (at.startsWith(prefix)) {
        Linux.umount(Path.of(at), Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
      }
    }
  }

  private static String unescape(String octal) {
    if (octal.indexOf('\\') < 0) {
      return octal;
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < octal.length(); i++) {
      char c = octal.charAt(i);
      if (c == '\\' && i + 3 < octal.length()) {
        out.append((char) Integer.parseInt(octal.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }
}
