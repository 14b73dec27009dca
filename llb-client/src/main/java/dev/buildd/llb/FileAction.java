package dev.buildd.llb;

import com.google.protobuf.ByteString;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.proto.pb.ChownOpt;
import dev.buildd.proto.pb.FileActionCopy;
import dev.buildd.proto.pb.FileActionMkDir;
import dev.buildd.proto.pb.FileActionMkFile;
import dev.buildd.proto.pb.FileActionRm;
import dev.buildd.proto.pb.FileActionSymlink;
import dev.buildd.proto.pb.NamedUserOpt;
import dev.buildd.proto.pb.UserOpt;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** One change of files after others; immutable. */
public final class FileAction {
  private static final long KEEP_TIME = -1;

  /**
   * One kind of change, as it is written down once the directory and the owners' input are known.
   */
  @FunctionalInterface
  interface Change {
    dev.buildd.proto.pb.FileAction.Builder write(String directory, int base);
  }

  /** Where a copy comes from. */
  sealed interface Origin {
    record Of(State state) implements Origin {}

    record After(FileAction action) implements Origin {}
  }

  final Optional<FileAction> previous;
  final Optional<State> state;
  final Optional<Origin> origin;
  final Change change;

  private FileAction(
      Optional<FileAction> previous,
      Optional<State> state,
      Optional<Origin> origin,
      Change change) {
    this.previous = previous;
    this.state = state;
    this.origin = origin;
    this.change = change;
  }

  /** Who owns what is made: an id, or a name that is looked up in the filesystem's passwd. */
  public record Owner(Optional<User> user, Optional<User> group) {
    /** A name or an id. */
    public sealed interface User {
      record Id(int id) implements User {}

      record Name(String name) implements User {}
    }

    public static final Owner UNSET = new Owner(Optional.empty(), Optional.empty());

    public static Owner of(int uid, int gid) {
      return new Owner(Optional.of(new User.Id(uid)), Optional.of(new User.Id(gid)));
    }

    /** Parses {@code user[:group]}; a part that is empty means root. */
    public static Owner parse(String text) {
      int colon = text.indexOf(':');
      return new Owner(
          Optional.of(user(colon < 0 ? text : text.substring(0, colon))),
          colon < 0 ? Optional.empty() : Optional.of(user(text.substring(colon + 1))));
    }

    private static User user(String text) {
      if (text.equals("root") || text.isEmpty()) {
        return new User.Id(0);
      }
      try {
        return new User.Id(Integer.parseInt(text));
      } catch (NumberFormatException e) {
        return new User.Name(text);
      }
    }

    private boolean isUnset() {
      return user.isEmpty() && group.isEmpty();
    }

    private ChownOpt toProto(int base) {
      ChownOpt.Builder out = ChownOpt.newBuilder();
      user.ifPresent(u -> out.setUser(toProto(u, base)));
      group.ifPresent(g -> out.setGroup(toProto(g, base)));
      return out.build();
    }

    private static UserOpt toProto(User user, int base) {
      return switch (user) {
        case User.Id(int id) -> UserOpt.newBuilder().setByID(id).build();
        case User.Name(String name) ->
            UserOpt.newBuilder()
                .setByName(NamedUserOpt.newBuilder().setName(name).setInput(base))
                .build();
      };
    }
  }

  /**
   * How something is made.
   *
   * @param created its time; empty for the time of the build
   */
  public record Make(Owner owner, Optional<Instant> created, boolean parents) {
    public static final Make DEFAULT = new Make(Owner.UNSET, Optional.empty(), false);

    public Make withOwner(Owner other) {
      return new Make(other, created, parents);
    }

    public Make withCreated(Instant time) {
      return new Make(owner, Optional.of(time), parents);
    }

    /** For directories: makes those above it too. */
    public Make withParents() {
      return new Make(owner, created, true);
    }
  }

  /**
   * How something is copied.
   *
   * @param mode permission bits, or in the manner of chmod, or empty to keep them
   */
  public record CopyOptions(
      Owner owner,
      Optional<Instant> created,
      String mode,
      boolean followSymlinks,
      boolean directoryContents,
      boolean unpack,
      boolean createDestination,
      boolean wildcard,
      boolean emptyWildcard,
      boolean replaceExisting,
      List<String> includePatterns,
      List<String> excludePatterns,
      List<String> requiredPaths) {
    public static final CopyOptions DEFAULT =
        new CopyOptions(
            Owner.UNSET,
            Optional.empty(),
            "",
            false,
            false,
            false,
            false,
            false,
            false,
            false,
            List.of(),
            List.of(),
            List.of());

    public CopyOptions {
      includePatterns = List.copyOf(includePatterns);
      excludePatterns = List.copyOf(excludePatterns);
      requiredPaths = List.copyOf(requiredPaths);
    }

    public CopyOptions withOwner(Owner other) {
      return new CopyOptions(
          other,
          created,
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    public CopyOptions withCreated(Instant time) {
      return new CopyOptions(
          owner,
          Optional.of(time),
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    /** {@code 0755} or {@code u+x}. */
    public CopyOptions withMode(String other) {
      return new CopyOptions(
          owner,
          created,
          other,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    public CopyOptions following() {
      return new CopyOptions(
          owner,
          created,
          mode,
          true,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    /** Of a directory, only what is in it. */
    public CopyOptions contentsOnly() {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          true,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    /** Unpacks archives as a Dockerfile's ADD does. */
    public CopyOptions unpacking() {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          directoryContents,
          true,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    /** Makes the directories on the way to the destination. */
    public CopyOptions creatingDestination() {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          true,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    /** The source may be a pattern, and if {@code empty} one that matches nothing. */
    public CopyOptions withWildcard(boolean empty) {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          true,
          empty,
          replaceExisting,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    public CopyOptions replacingExisting() {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          true,
          includePatterns,
          excludePatterns,
          requiredPaths);
    }

    public CopyOptions withPatterns(List<String> include, List<String> exclude) {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          include,
          exclude,
          requiredPaths);
    }

    public CopyOptions withRequiredPaths(List<String> paths) {
      return new CopyOptions(
          owner,
          created,
          mode,
          followSymlinks,
          directoryContents,
          unpack,
          createDestination,
          wildcard,
          emptyWildcard,
          replaceExisting,
          includePatterns,
          excludePatterns,
          paths);
    }
  }

  private static FileAction first(Optional<Origin> origin, Change change) {
    return new FileAction(Optional.empty(), Optional.empty(), origin, change);
  }

  private FileAction after(FileAction earlier) {
    return new FileAction(Optional.of(earlier), state, origin, change);
  }

  FileAction bind(State to) {
    return new FileAction(
        previous.map(earlier -> earlier.bind(to)), Optional.of(to), origin, change);
  }

  static FileAction mkdir(String path, int mode, Make options) {
    return first(
        Optional.empty(),
        (directory, base) -> {
          FileActionMkDir.Builder out =
              FileActionMkDir.newBuilder()
                  .setPath(normalize(directory, path, false))
                  .setMode(mode & 0777)
                  .setMakeParents(options.parents)
                  .setTimestamp(time(options.created));
          if (!options.owner.isUnset()) {
            out.setOwner(options.owner.toProto(base));
          }
          return dev.buildd.proto.pb.FileAction.newBuilder().setMkdir(out);
        });
  }

  static FileAction mkfile(String path, int mode, byte[] data, Make options) {
    ByteString content = ByteString.copyFrom(data);
    return first(
        Optional.empty(),
        (directory, base) -> {
          FileActionMkFile.Builder out =
              FileActionMkFile.newBuilder()
                  .setPath(normalize(directory, path, false))
                  .setMode(mode & 0777)
                  .setData(content)
                  .setTimestamp(time(options.created));
          if (!options.owner.isUnset()) {
            out.setOwner(options.owner.toProto(base));
          }
          return dev.buildd.proto.pb.FileAction.newBuilder().setMkfile(out);
        });
  }

  static FileAction symlink(String oldPath, String newPath, Make options) {
    return first(
        Optional.empty(),
        (directory, base) -> {
          FileActionSymlink.Builder out =
              FileActionSymlink.newBuilder()
                  .setOldpath(oldPath)
                  .setNewpath(newPath)
                  .setTimestamp(time(options.created));
          if (!options.owner.isUnset()) {
            out.setOwner(options.owner.toProto(base));
          }
          return dev.buildd.proto.pb.FileAction.newBuilder().setSymlink(out);
        });
  }

  static FileAction rm(String path, boolean allowNotFound, boolean allowWildcard) {
    return first(
        Optional.empty(),
        (directory, base) ->
            dev.buildd.proto.pb.FileAction.newBuilder()
                .setRm(
                    FileActionRm.newBuilder()
                        .setPath(normalize(directory, path, false))
                        .setAllowNotFound(allowNotFound)
                        .setAllowWildcard(allowWildcard)));
  }

  static FileAction copy(Origin origin, String source, String destination, CopyOptions options) {
    String clean = GoPath.clean(source);
    String from =
        switch (origin) {
          case Origin.Of(State state) -> state.dir();
          case Origin.After(FileAction action) -> action.state.map(State::dir).orElse("/");
        };
    String path = clean.startsWith("/") ? clean : GoPath.join(from, clean);
    return first(
        Optional.of(origin),
        (directory, base) -> {
          FileActionCopy.Builder out =
              FileActionCopy.newBuilder()
                  .setSrc(path)
                  .setDest(normalize(directory, destination, true))
                  .setFollowSymlink(options.followSymlinks)
                  .setDirCopyContents(options.directoryContents)
                  .setAttemptUnpackDockerCompatibility(options.unpack)
                  .setCreateDestPath(options.createDestination)
                  .setAllowWildcard(options.wildcard)
                  .setAllowEmptyWildcard(options.emptyWildcard)
                  .setAlwaysReplaceExistingDestPaths(options.replaceExisting)
                  .addAllIncludePatterns(options.includePatterns)
                  .addAllExcludePatterns(options.excludePatterns)
                  .addAllRequiredPaths(options.requiredPaths)
                  .setTimestamp(time(options.created));
          setMode(out, options.mode);
          if (!options.owner.isUnset()) {
            out.setOwner(options.owner.toProto(base));
          }
          return dev.buildd.proto.pb.FileAction.newBuilder().setCopy(out);
        });
  }

  private static void setMode(FileActionCopy.Builder out, String mode) {
    if (mode.isEmpty()) {
      out.setMode(-1);
      return;
    }
    try {
      out.setMode(Integer.parseInt(mode, 8));
    } catch (NumberFormatException e) {
      out.setModeStr(mode);
    }
  }

  /** Then makes a directory. */
  public FileAction mkdir(String path, int mode) {
    return Llb.mkdir(path, mode).after(this);
  }

  /** Then makes a directory. */
  public FileAction thenMkdir(String path, int mode, Make options) {
    return mkdir(path, mode, options).after(this);
  }

  /** Then makes a file. */
  public FileAction mkfile(String path, int mode, String content) {
    return mkfile(path, mode, content.getBytes(StandardCharsets.UTF_8), Make.DEFAULT).after(this);
  }

  /** Then makes a file. */
  public FileAction thenMkfile(String path, int mode, byte[] data, Make options) {
    return mkfile(path, mode, data, options).after(this);
  }

  /** Then makes a symlink {@code newPath} that points to {@code oldPath}. */
  public FileAction symlink(String oldPath, String newPath) {
    return symlink(oldPath, newPath, Make.DEFAULT).after(this);
  }

  /** Then removes something. */
  public FileAction rm(String path) {
    return rm(path, false, false).after(this);
  }

  /** Then removes something. */
  public FileAction thenRm(String path, boolean allowNotFound, boolean allowWildcard) {
    return rm(path, allowNotFound, allowWildcard).after(this);
  }

  /** Then copies something. */
  public FileAction copy(State from, String source, String destination) {
    return copy(from, source, destination, CopyOptions.DEFAULT);
  }

  /** Then copies something. */
  public FileAction copy(State from, String source, String destination, CopyOptions options) {
    return copy(new Origin.Of(from), source, destination, options).after(this);
  }

  /** Then copies something that another action, bound to a state, has made. */
  public FileAction copy(
      FileAction from, State boundTo, String source, String destination, CopyOptions options) {
    return copy(new Origin.After(from.bind(boundTo)), source, destination, options).after(this);
  }

  private static long time(Optional<Instant> created) {
    return created
        .map(at ->
            Math.addExact(Math.multiplyExact(at.getEpochSecond(), 1_000_000_000L), at.getNano()))
        .orElse(KEEP_TIME);
  }

  private static String normalize(String directory, String path, boolean keepSlash) {
    String clean = GoPath.clean(path);
    if (!clean.startsWith("/")) {
      clean = GoPath.join("/", directory, clean);
    }
    if (keepSlash) {
      if (path.endsWith("/") && !clean.endsWith("/")) {
        return clean + "/";
      }
      if (path.endsWith("/.")) {
        return (clean.equals("/") ? clean : clean + "/") + ".";
      }
    }
    return clean;
  }
}
