package dev.buildd.cache.contenthash;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.pattern.GoGlob;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.base.pattern.PatternMatcher;
import dev.buildd.cache.contenthash.HashTree.Disk;
import dev.buildd.cache.contenthash.HashTree.Found;
import dev.buildd.cache.contenthash.HashTree.Node;
import dev.buildd.cache.key.CacheDigest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The files that a path pattern, include and exclude patterns select: files and the headers of
 * directories, a directory's also when only something in it is selected.
 */
final class Selection {
  /**
   * One file that counts.
   *
   * @param path as the caller's path names it
   * @param real the same without links
   * @param followed whether, if a link, what it points to counts instead
   */
  record Entry(String path, String real, Node node, boolean followed) {}

  /** A directory on the way down, with what its patterns matched. */
  private static final class Above {
    final @Nullable Above parent;
    final Entry entry;
    final PatternMatcher.Matches include;
    final PatternMatcher.Matches exclude;
    boolean added;

    Above(
        @Nullable Above parent,
        Entry entry,
        PatternMatcher.Matches include,
        PatternMatcher.Matches exclude) {
      this.parent = parent;
      this.entry = entry;
      this.include = include;
      this.exclude = exclude;
    }
  }

  private record Judged(
      boolean included, PatternMatcher.Matches include, PatternMatcher.Matches exclude) {}

  private final HashTree tree;
  private final Disk disk;
  private final ChecksumOptions options;
  private final String given;
  private final String base; // cleaned
  private final boolean withoutHeader;
  private final Optional<PatternMatcher> includes;
  private final Optional<PatternMatcher> excludes;
  private final Optional<GoGlob> wildcard;
  private final List<Entry> entries = new ArrayList<>();
  private String prefix = "";

  Selection(HashTree tree, Disk disk, String path, ChecksumOptions options) {
    this.tree = tree;
    this.disk = disk;
    this.options = options;
    this.given = path;
    this.base = HashTree.clean(path);
    this.withoutHeader = path.endsWith("/");
    this.includes = matcher("includepatterns", options.includePatterns());
    this.excludes = matcher("excludepatterns", options.excludePatterns());
    this.wildcard =
        options.wildcard() && !base.isEmpty()
            ? Optional.of(GoGlob.compile(base))
            : Optional.empty();
  }

  private static Optional<PatternMatcher> matcher(String what, List<String> patterns) {
    if (patterns.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(PatternMatcher.compile(patterns));
    } catch (BuildException e) {
      throw new BuildException(
          e.category(), "invalid " + what + ": " + patterns + ": " + e.getMessage(), e);
    }
  }

  List<Entry> entries() {
    return entries;
  }

  void select() throws IOException {
    Found start;
    if (options.wildcard()) {
      prefix = literalPrefix(base);
      // links on the way to the wildcards are followed, a link that is the whole path is not
      start = tree.resolve(prefix, !prefix.equals(base), disk);
    } else {
      prefix = base;
      start = tree.resolve(base, false, disk);
    }
    Node node = start.node();
    if (node != null) {
      visit(node, prefix, start.path(), null, wildcard.isPresent() ? null : base);
    }
    for (String required : options.requiredPaths()) {
      if (entries.stream().noneMatch(entry -> entry.path.startsWith(required))) {
        throw ContentHash.absent(required);
      }
    }
  }

  /** The leading components without wildcards. */
  private static String literalPrefix(String pattern) {
    StringBuilder out = new StringBuilder();
    for (String part : pattern.split("/")) {
      if (GoGlob.hasWildcards(part)) {
        break;
      }
      if (!part.isEmpty()) {
        out.append('/').append(part);
      }
    }
    return out.toString();
  }

  /**
   * @param matched the path that matched the wildcards, to which patterns are relative; null as
   *     long as none has
   */
  private void visit(
      Node node, String path, String real, @Nullable Above above, @Nullable String matched)
      throws IOException {
    HashTree.look(node, real, disk);
    String relativeTo = matched;
    if (relativeTo == null && wildcard.get().matches(path)) {
      relativeTo = path;
    }
    Above here = above;
    if (relativeTo != null) {
      here = judge(node, path, real, above, relativeTo);
    }
    if (node.isDirectory()) {
      for (Map.Entry<String, Node> child : HashTree.children(node, real, disk).entrySet()) {
        String name = "/" + child.getKey();
        visit(child.getValue(), path + name, real + name, here, relativeTo);
      }
    }
  }

  private @Nullable Above judge(
      Node node, String path, String real, @Nullable Above above, String relativeTo) {
    if (node.isDirectory() && withoutHeader && path.equals(base)) {
      return above;
    }
    String candidate = path.equals(relativeTo) ? "" : path.substring(relativeTo.length() + 1);
    Judged judged = judge(candidate, above);
    Entry entry = new Entry(path, real, node, above == null && options.followLinks());
    if (!node.isDirectory()) {
      if (judged.included) {
        addAbove(above);
        entries.add(entry);
      }
      return above;
    }
    Above here = new Above(above, entry, judged.include, judged.exclude);
    if (judged.included) {
      addAbove(here);
    }
    return here;
  }

  private void addAbove(@Nullable Above above) {
    if (above != null && !above.added) {
      addAbove(above.parent);
      above.added = true;
      entries.add(above.entry);
    }
  }

  private Judged judge(String candidate, @Nullable Above above) {
    PatternMatcher.Matches include = above == null ? PatternMatcher.Matches.none() : above.include;
    PatternMatcher.Matches exclude = above == null ? PatternMatcher.Matches.none() : above.exclude;
    boolean included = true;
    if (includes.isPresent()) {
      PatternMatcher.Result result = includes.get().match(candidate, include);
      include = result.matches();
      included = result.matched();
    } else {
      include = PatternMatcher.Matches.none();
    }
    if (included && excludes.isPresent()) {
      PatternMatcher.Result result = excludes.get().match(candidate, exclude);
      exclude = result.matches();
      included = !result.matched();
    } else {
      exclude = PatternMatcher.Matches.none(); // not asked for what is not included
    }
    return new Judged(included, include, exclude);
  }

  /** The digest of the selection, given those of its entries. */
  Digest digest(List<Digest> digests) {
    if (entries.isEmpty()) {
      return Digest.of(new byte[0]);
    }
    if (entries.size() == 1 && GoPath.base(given).equals(GoPath.base(entries.getFirst().path))) {
      return digests.getFirst();
    }
    CacheDigest.FileList list = new CacheDigest.FileList();
    for (int i = 0; i < entries.size(); i++) {
      String path = entries.get(i).path;
      String relative = path.startsWith(prefix) ? path.substring(prefix.length()) : path;
      if (relative.isEmpty()) {
        list.add((byte) 0);
      } else {
        list.add(FileNames.bytes(relative.replace('/', '\0')));
      }
      list.add(FileNames.bytes(digests.get(i).toString()));
    }
    return list.digest();
  }
}
