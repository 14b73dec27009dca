package dev.buildd.base.linux;

/** Go's {@code os.FileMode} bits, the form in which file modes travel (wire.md section 5). */
public final class GoFileMode {
  public static final int DIR = 1 << 31;
  public static final int SYMLINK = 1 << 27;
  public static final int DEVICE = 1 << 26;
  public static final int NAMED_PIPE = 1 << 25;
  public static final int SOCKET = 1 << 24;
  public static final int SETUID = 1 << 23;
  public static final int SETGID = 1 << 22;
  public static final int CHAR_DEVICE = 1 << 21;
  public static final int STICKY = 1 << 20;
  public static final int IRREGULAR = 1 << 19;
  public static final int TYPE =
      DIR | SYMLINK | NAMED_PIPE | SOCKET | DEVICE | CHAR_DEVICE | IRREGULAR;

  private GoFileMode() {}

  public static int fromUnix(int mode) {
    int go = mode & 0777;
    go |=
        switch (mode & Stat.S_IFMT) {
          case Stat.S_IFDIR -> DIR;
          case Stat.S_IFLNK -> SYMLINK;
          case Stat.S_IFBLK -> DEVICE;
          case Stat.S_IFCHR -> DEVICE | CHAR_DEVICE;
          case Stat.S_IFIFO -> NAMED_PIPE;
          case Stat.S_IFSOCK -> SOCKET;
          default -> 0;
        };
    if ((mode & 04000) != 0) {
      go |= SETUID;
    }
    if ((mode & 02000) != 0) {
      go |= SETGID;
    }
    if ((mode & 01000) != 0) {
      go |= STICKY;
    }
    return go;
  }

  public static int toUnix(int go) {
    int mode = permissions(go);
    if ((go & DIR) != 0) {
      return mode | Stat.S_IFDIR;
    }
    if ((go & SYMLINK) != 0) {
      return mode | Stat.S_IFLNK;
    }
    if ((go & DEVICE) != 0) {
      return mode | ((go & CHAR_DEVICE) != 0 ? Stat.S_IFCHR : Stat.S_IFBLK);
    }
    if ((go & NAMED_PIPE) != 0) {
      return mode | Stat.S_IFIFO;
    }
    if ((go & SOCKET) != 0) {
      return mode | Stat.S_IFSOCK;
    }
    return mode | Stat.S_IFREG;
  }

  /** The twelve permission bits of {@code chmod(2)}. */
  public static int permissions(int go) {
    return (go & 0777)
        | ((go & SETUID) != 0 ? 04000 : 0)
        | ((go & SETGID) != 0 ? 02000 : 0)
        | ((go & STICKY) != 0 ? 01000 : 0);
  }

  public static boolean isRegular(int go) {
    return (go & TYPE) == 0;
  }
}
