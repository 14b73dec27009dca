package dev.buildd.solver.ops;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.contenthash.ChecksumOptions;
import dev.buildd.cache.contenthash.ContentHash;
import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.gateway.SolveException;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/** A part of an input that an operation uses, by which it may be told from another. */
record Selector(String path, ChecksumOptions options) {

  boolean isFiltered() {
    return options.wildcard()
        || !options.includePatterns().isEmpty()
        || !options.excludePatterns().isEmpty();
  }

  /** The digest of the paths, as wire.md section 14.3 wants it. */
  static Digest digestOf(List<String> paths) {
    return CacheDigest.of(CacheDigest.Kind.STRING_LIST, String.join("\0", paths));
  }

  /** The paths that do not lie in others of them, in order. */
  static List<String> outermost(List<String> paths) {
    TreeSet<String> distinct = new TreeSet<>(paths);
    return distinct.stream()
        .filter(path ->
            distinct.stream()
                .noneMatch(other ->
                    !other.equals(path)
                        && path.startsWith(other.endsWith("/") ? other : other + "/")))
        .toList();
  }

  /** The selectors without those that lie in others of the same kind, ordered by path. */
  static List<Selector> outermostOf(List<Selector> all) {
    List<String> plain = new ArrayList<>();
    List<String> followed = new ArrayList<>();
    List<Selector> out = new ArrayList<>();
    for (Selector selector : all) {
      if (selector.isFiltered()) {
        out.add(selector);
      } else {
        (selector.options.followLinks() ? followed : plain).add(selector.path);
      }
    }
    outermost(plain).forEach(path -> out.add(new Selector(path, ChecksumOptions.PLAIN)));
    outermost(followed)
        .forEach(path -> out.add(new Selector(path, ChecksumOptions.PLAIN.withFollowLinks(true))));
    out.sort(Comparator.comparing(Selector::path));
    return out;
  }

  private Digest digest(Optional<ImmutableRef> ref) {
    try {
      return ref.isEmpty() ? ContentHash.ofNothing(path) : ref.get().checksum(path, options);
    } catch (BuildException e) {
      throw new BuildException(
          e.category(),
          "failed to calculate checksum of ref "
              + ref.map(ImmutableRef::id).orElse(RefResult.SCRATCH)
              + ": "
              + e.getMessage(),
          e);
    }
  }

  /**
   * Computes what tells the selected parts of an input from others; all of it if none is given.
   *
   * @param input its number, for whoever looks into a failure
   */
  static CacheMap.ContentDigest contentDigest(int input, List<Selector> selectors) {
    List<Selector> wanted =
        selectors.isEmpty() ? List.of(new Selector("/", ChecksumOptions.PLAIN)) : selectors;
    return new Content(input, wanted);
  }

  /** Tells the selected parts of one input from others. */
  private record Content(int input, List<Selector> wanted) implements UsedFiles {
    @Override
    public Digest of(SharedResult result, OpContext context) throws StepException {
      Optional<ImmutableRef> ref = RefResult.refOf(result);
      List<String> digests = new ArrayList<>();
      try {
        for (Selector selector : wanted) {
          digests.add(selector.digest(ref).toString());
        }
      } catch (BuildException e) {
        throw new StepException(
            e,
            FailedMounts.of(List.of(ref.map(ImmutableRef::share)), List.of())
                .keptBy(context.memos()),
            new SolveException.Subject.InputContent(input));
      }
      // of one alone too: exported caches name it so
      return CacheDigest.of(CacheDigest.Kind.DIGEST_LIST, String.join("\0", digests));
    }

    @Override
    public void files(SharedResult result, ListedFile.Reader reader) {
      Optional<ImmutableRef> ref = RefResult.refOf(result);
      if (ref.isPresent()) {
        wanted.forEach(selector -> ref.get().files(selector.path, selector.options, reader));
      }
    }
  }
}
