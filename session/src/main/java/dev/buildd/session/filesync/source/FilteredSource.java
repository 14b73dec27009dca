package dev.buildd.session.filesync.source;

import dev.buildd.base.pattern.PatternMatcher;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The part of a tree that matches the include patterns and not the exclude patterns. Directories on
 * the way to what is included come too.
 */
public final class FilteredSource implements FsSource {
  private static final String SPECIAL = "*[]?^\\";

  private final FsSource source;
  private final Optional<Patterns> includes;
  private final Optional<Patterns> excludes;

  /**
   * Patterns, and whether those that let files in are plain paths, so that others can be skipped.
   */
  private record Patterns(PatternMatcher matcher, boolean plain, boolean letsInByExclusion) {
    static Optional<Patterns> of(List<String> patterns, boolean letsInByExclusion) {
      if (patterns.isEmpty()) {
        return Optional.empty();
      }
      PatternMatcher matcher = PatternMatcher.compile(patterns);
      boolean plain =
          matcher.patterns().stream()
              .filter(pattern -> pattern.isExclusion() == letsInByExclusion)
              .map(pattern -> withoutTrailingGlob(pattern.text()))
              .allMatch(text -> text.chars().noneMatch(c -> SPECIAL.indexOf(c) >= 0));
      return Optional.of(new Patterns(matcher, plain, letsInByExclusion));
    }

    /** Whether a pattern may let in something in the directory, which itself is left out. */
    boolean mayLetInBelow(String directory) {
      if (!plain) {
        return true;
      }
      String prefix = directory + "/";
      return matcher.patterns().stream()
          .filter(pattern -> pattern.isExclusion() == letsInByExclusion)
          .anyMatch(pattern -> (withoutTrailingGlob(pattern.text()) + "/").startsWith(prefix));
    }
  }

  /** A directory above the entry that the walk is at. */
  private static final class Level {
    final FileStat stat;
    final PatternMatcher.Matches included;
    final PatternMatcher.Matches excluded;
    boolean sent;

    Level(
        FileStat stat,
        PatternMatcher.Matches included,
        PatternMatcher.Matches excluded,
        boolean sent) {
      this.stat = stat;
      this.included = included;
      this.excluded = excluded;
      this.sent = sent;
    }
  }

  public FilteredSource(FsSource source, List<String> includes, List<String> excludes) {
    this.source = source;
    this.includes = Patterns.of(includes, false);
    this.excludes = Patterns.of(excludes, true);
  }

  /** What a client sends of a directory when asked for it. */
  public static FsSource select(FsSource source, FileSyncRequest request) throws IOException {
    List<String> includes = new ArrayList<>(request.includePatterns());
    if (!request.followPaths().isEmpty() && source instanceof DirectorySource directory) {
      List<String> targets = FollowedLinks.resolve(directory.root(), request.followPaths());
      if (!targets.isEmpty()) {
        includes.addAll(targets);
        includes = withoutCovered(includes);
      }
    }
    return new FilteredSource(source, includes, request.excludePatterns());
  }

  /** Without the paths that lie below others; none at all if the root is among them. */
  static List<String> withoutCovered(List<String> paths) {
    List<String> out = new ArrayList<>();
    String last = "";
    for (String path : paths) {
      if (path.equals(".")) {
        return List.of();
      }
      if (!last.isEmpty() && path.startsWith(last + "/")) {
        continue;
      }
      out.add(path);
      last = path;
    }
    return Collections.unmodifiableList(out);
  }

  private static String withoutTrailingGlob(String pattern) {
    String text = pattern;
    if (text.endsWith("/**")) {
      text = text.substring(0, text.length() - 3);
    }
    return text.endsWith("/*") ? text.substring(0, text.length() - 2) : text;
  }

  @Override
  public void walk(Visitor visitor) throws IOException, InterruptedException {
    if (includes.isEmpty() && excludes.isEmpty()) {
      source.walk(visitor);
      return;
    }
    Deque<Level> levels = new ArrayDeque<>();
    source.walk(stat -> visit(stat, levels, visitor));
  }

  private boolean visit(FileStat stat, Deque<Level> levels, Visitor visitor)
      throws IOException, InterruptedException {
    while (!levels.isEmpty() && !stat.path().startsWith(levels.getLast().stat.path() + "/")) {
      levels.removeLast();
    }
    Level parent = levels.peekLast();
    boolean left = false;
    PatternMatcher.Matches included = PatternMatcher.Matches.none();
    if (includes.isPresent()) {
      PatternMatcher.Result result =
          includes.get().matcher.match(stat.path(), parent == null ? included : parent.included);
      included = result.matches();
      if (!result.matched()) {
        if (!stat.isDirectory() || !includes.get().mayLetInBelow(stat.path())) {
          return false;
        }
        left = true;
      }
    }
    PatternMatcher.Matches excluded = PatternMatcher.Matches.none();
    if (excludes.isPresent()) {
      PatternMatcher.Result result =
          excludes.get().matcher.match(stat.path(), parent == null ? excluded : parent.excluded);
      excluded = result.matches();
      if (result.matched()) {
        if (!stat.isDirectory()
            || !excludes.get().matcher.hasExclusions()
            || !excludes.get().mayLetInBelow(stat.path())) {
          return false;
        }
        left = true;
      }
    }
    boolean within = true;
    if (!left) {
      for (Level level : levels) {
        if (!level.sent) {
          level.sent = true;
          visitor.visit(level.stat);
        }
      }
      within = visitor.visit(stat);
    }
    if (stat.isDirectory()) {
      levels.addLast(new Level(stat, included, excluded, !left));
    }
    return within;
  }

  @Override
  public InputStream open(String path) throws IOException {
    boolean in =
        includes.map(p -> p.matcher.matchesOrParentMatches(path)).orElse(true)
            && !excludes.map(p -> p.matcher.matchesOrParentMatches(path)).orElse(false);
    if (!in) {
      throw new NoSuchFileException(path);
    }
    return source.open(path);
  }
}
