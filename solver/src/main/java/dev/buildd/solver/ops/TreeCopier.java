package dev.buildd.solver.ops;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.base.pattern.PatternMatcher;
import dev.buildd.proto.pb.FileActionCopy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Copies a file or a tree as {@code cp -a} does, with the options of the copy action. */
final class TreeCopier {
  private final FileActionCopy action;
  private final Optional<FileOwner> owner;
  private final @Nullable PatternMatcher includes;
  private final @Nullable PatternMatcher excludes;
  private final Map<Long, Path> links = new HashMap<>();
  private final Deque<Parent> parents = new ArrayDeque<>();

  /** A directory that is made only once something in it is copied. */
  private static final class Parent {
    final Path source;
    final Path target;
    boolean copied;

    Parent(Path source, Path target) {
      this.source = source;
      this.target = target;
    }
  }

  TreeCopier(FileActionCopy action, Optional<FileOwner> owner) {
    this.action = action;
    this.owner = owner;
    this.includes =
        action.getIncludePatternsCount() == 0
            ? null
            : PatternMatcher.compile(action.getIncludePatternsList());
    this.excludes =
        action.getExcludePatternsCount() == 0
            ? null
            : PatternMatcher.compile(action.getExcludePatternsList());
  }

  /** Copies one source path, already free of wildcards, to the action's destination. */
  void copy(Path sourceRoot, String source, Path targetRoot) throws IOException {
    String destination = FileActions.cleanKeepingEnd(action.getDest());
    List<Path> made = new ArrayList<>();
    String parent =
        destination.endsWith("/") || destination.endsWith("/.")
            ? destination
            : destination.substring(0, destination.lastIndexOf('/') + 1);
    made.addAll(mkdirs(RootedPath.resolve(targetRoot, parent)));
    Path target = RootedPath.resolve(targetRoot, RootedPath.clean(destination));
    Path from =
        action.getFollowSymlink()
            ? RootedPath.resolve(sourceRoot, source)
            : RootedPath.resolveParent(sourceRoot, RootedPath.clean(source));
    target = prepareTarget(from, source, target, made);
    copy(from, "", target, false, PatternMatcher.Matches.none(), PatternMatcher.Matches.none());
    if (action.getTimestamp() != -1) {
      for (Path directory : made.reversed()) {
        Linux.utimensat(directory, action.getTimestamp(), action.getTimestamp());
      }
    }
  }

  private List<Path> mkdirs(Path path) throws IOException {
    int mode = action.getMode() == -1 ? 0755 : action.getMode() & 0777;
    return FileActions.mkdirAll(path, mode, owner, action.getTimestamp());
  }

  private Path prepareTarget(Path from, String source, Path target, List<Path> made)
      throws IOException {
    Stat src = Linux.lstat(from);
    @Nullable Stat dst = followed(target);
    Path to = target;
    boolean contents = action.getDirCopyContents();
    boolean intoDirectory = dst != null && (src.isDirectory() ? !contents : dst.isDirectory());
    if (intoDirectory) {
      String clean = RootedPath.clean(source);
      String name = clean.substring(clean.lastIndexOf('/') + 1);
      to = name.isEmpty() ? target : target.resolve(name);
    }
    Path needed = contents && src.isDirectory() && dst == null ? to : to.getParent();
    if (needed != null) {
      made.addAll(mkdirs(needed));
    }
    return to;
  }

  private static @Nullable Stat followed(Path path) throws IOException {
    try {
      return Linux.stat(path);
    } catch (LinuxException e) {
      if (e.errno() == Errno.ENOENT || e.errno() == Errno.ENOTDIR) {
        return null;
      }
      throw e;
    }
  }

  private void copy(
      Path source,
      String relative,
      Path target,
      boolean overwriteMetadata,
      PatternMatcher.Matches parentIncludes,
      PatternMatcher.Matches parentExcludes)
      throws IOException {
    if (Thread.interrupted()) {
      throw new BuildException(Category.CANCELED, "context canceled");
    }
    boolean include = true;
    boolean excluded = false;
    PatternMatcher.Matches includeInfo = PatternMatcher.Matches.none();
    PatternMatcher.Matches excludeInfo = PatternMatcher.Matches.none();
    if (!relative.isEmpty()) {
      if (includes != null) {
        PatternMatcher.Result match = includes.match(relative, parentIncludes);
        include = match.matched();
        includeInfo = match.matches();
      }
      if (excludes != null) {
        PatternMatcher.Result match = excludes.match(relative, parentExcludes);
        excludeInfo = match.matches();
        if (match.matched()) {
          include = false;
          excluded = true;
        }
      }
    }
    Stat stat = Linux.lstat(source);
    if (!include && !stat.isDirectory()) {
      return;
    }
    @Nullable Stat existing = Linux.tryLstat(target);
    if (include) {
      if (action.getAlwaysReplaceExistingDestPaths()
          && existing != null
          && !(stat.isDirectory() && existing.isDirectory())) {
        FileActions.removeAll(target);
        existing = null;
      }
      makeParents();
    }
    if (stat.isDirectory()) {
      boolean made =
          directory(
              source,
              relative,
              target,
              stat,
              overwriteMetadata,
              include,
              excluded,
              includeInfo,
              excludeInfo);
      if (include && (overwriteMetadata || made)) {
        metadata(stat, source, target);
      } else if (existing != null && !overwriteMetadata) {
        times(stat, target);
      }
      return;
    }
    clear(target, existing);
    content(source, stat, target);
    metadata(stat, source, target);
  }

  private static void clear(Path target, @Nullable Stat existing) throws IOException {
    if (existing == null) {
      return;
    }
    if (existing.isDirectory()) {
      throw BuildException.invalid("cannot replace to directory " + target + " with file");
    }
    Linux.unlink(target);
  }

  private void content(Path source, Stat stat, Path target) throws IOException {
    switch (stat.type()) {
      case Stat.S_IFREG -> {
        Path first = stat.nlink() > 1 ? links.putIfAbsent(stat.ino(), target) : null;
        if (first != null) {
          Linux.link(first, target);
        } else {
          TreeFiles.copy(source, target);
        }
      }
      case Stat.S_IFLNK -> Linux.symlink(Linux.readlink(source), target);
      default -> Linux.mknod(target, stat.mode(), stat.isDevice() ? stat.rdev() : 0);
    }
  }

  private boolean directory(
      Path source,
      String relative,
      Path target,
      Stat stat,
      boolean overwriteMetadata,
      boolean include,
      boolean excluded,
      PatternMatcher.Matches includeInfo,
      PatternMatcher.Matches excludeInfo)
      throws IOException {
    boolean made = false;
    Parent parent = new Parent(source, target);
    if (include) {
      made = directoryOnly(target, stat, overwriteMetadata);
      parent.copied = true;
    }
    if (excluded && (excludes == null || !excludes.hasExclusions())) {
      return false;
    }
    parents.addLast(parent);
    try {
      for (Path child : FileActions.children(source)) {
        Path fileName = child.getFileName();
        String name = fileName == null ? "" : fileName.toString();
        copy(
            child,
            relative.isEmpty() ? name : relative + "/" + name,
            target.resolve(name),
            true,
            includeInfo,
            excludeInfo);
      }
    } finally {
      parents.removeLast();
    }
    return made;
  }

  private void makeParents() throws IOException {
    for (Parent parent : parents) {
      if (!parent.copied) {
        Stat stat = Linux.stat(parent.source);
        if (directoryOnly(parent.target, stat, true)) {
          metadata(stat, parent.source, parent.target);
        }
        parent.copied = true;
      }
    }
  }

  private static boolean directoryOnly(Path target, Stat stat, boolean overwriteMetadata)
      throws IOException {
    @Nullable Stat existing = Linux.tryLstat(target);
    if (existing == null) {
      Linux.mkdir(target, stat.permissions());
      return true;
    }
    if (!existing.isDirectory()) {
      throw BuildException.invalid("cannot copy to non-directory: " + target);
    }
    if (overwriteMetadata) {
      Linux.chmod(target, stat.permissions());
    }
    return false;
  }

  private void metadata(Stat stat, Path source, Path target) throws IOException {
    FileOwner to = owner.orElse(new FileOwner(stat.uid(), stat.gid()));
    Linux.lchown(target, to.uid(), to.gid());
    if (!stat.isSymlink()) {
      int mode = stat.permissions();
      if (!action.getModeStr().isEmpty()) {
        mode = FileModeText.apply(action.getModeStr(), mode, stat.isDirectory());
      } else if (action.getMode() != -1) {
        mode = action.getMode() & 07777;
      }
      Linux.chmod(target, mode);
    }
    for (Map.Entry<String, byte[]> attribute : Linux.xattrs(source).entrySet()) {
      String key = attribute.getKey();
      if (key.startsWith("trusted.overlay.") || key.startsWith("user.overlay.")) {
        continue; // how a layer is stored, not what is in it
      }
      try {
        Linux.setxattr(target, key, attribute.getValue());
      } catch (LinuxException e) {
        if (e.errno() != Errno.EOPNOTSUPP && e.errno() != Errno.EPERM) {
          throw e;
        }
      }
    }
    times(stat, target);
  }

  private void times(Stat stat, Path target) throws IOException {
    long mtime = action.getTimestamp() == -1 ? stat.mtimeNanos() : action.getTimestamp();
    Linux.utimensat(target, mtime, mtime);
  }
}
