package dev.buildd.session.filesync.source;

import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.pattern.GoGlob;
import dev.buildd.base.pattern.GoPath;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Finds what must be transferred for paths to be usable: they, and all the symlinks on their way.
 */
final class FollowedLinks {
  private final Path root;
  private final SortedSet<String> resolved = new TreeSet<>();

  private FollowedLinks(Path root) {
    this.root = root;
  }

  /** The paths and links to include, sorted; none if that is everything. */
  static List<String> resolve(Path root, List<String> paths) throws IOException {
    FollowedLinks links = new FollowedLinks(root);
    for (String path : paths) {
      links.follow(path);
    }
    return FilteredSource.withoutCovered(List.copyOf(links.resolved));
  }

  private void follow(String path) throws IOException {
    String rest = GoPath.join(".", relative(path));
    String current = ".";
    while (true) {
      int slash = rest.indexOf('/');
      current = GoPath.join(current, slash < 0 ? rest : rest.substring(0, slash));
      rest = slash < 0 ? "" : rest.substring(slash + 1);
      Optional<List<String>> targets = targets(current, true);
      if ((rest.isEmpty() || targets.isPresent()) && !resolved.add(current)) {
        return;
      }
      if (targets.isPresent()) {
        for (String target : targets.get()) {
          follow(GoPath.join(target, rest));
        }
        return;
      }
      if (rest.isEmpty()) {
        return;
      }
    }
  }

  private static String relative(String path) {
    String clean = GoPath.clean("/" + path);
    return clean.substring(1);
  }

  /** Where the symlinks that the path names point to, from the root; empty if it names none. */
  private Optional<List<String>> targets(String path, boolean wildcards) throws IOException {
    String name = GoPath.base(path);
    if (wildcards && GoGlob.hasWildcards(name)) {
      List<String> out = new ArrayList<>();
      for (String child : children(GoPath.dir(path))) {
        if (GoGlob.match(name, child)) {
          targets(GoPath.join(GoPath.dir(path), child), false).ifPresent(out::addAll);
        }
      }
      return out.isEmpty() ? Optional.empty() : Optional.of(out);
    }
    Stat stat = Linux.tryLstat(root.resolve(path));
    if (stat == null || !stat.isSymlink()) {
      return Optional.empty();
    }
    String target = Linux.readlink(root.resolve(path));
    return Optional.of(
        List.of(
            target.startsWith("/")
                ? GoPath.clean(target)
                : GoPath.clean("/" + GoPath.join(GoPath.dir(path), target))));
  }

  private List<String> children(String directory) throws IOException {
    List<String> names = new ArrayList<>();
    try {
      for (Path entry : FileNames.list(root.resolve(directory))) {
        names.add(String.valueOf(entry.getFileName()));
      }
    } catch (NoSuchFileException | NotDirectoryException e) {
      return List.of();
    }
    names.sort(GoPath::compare);
    return names;
  }
}
