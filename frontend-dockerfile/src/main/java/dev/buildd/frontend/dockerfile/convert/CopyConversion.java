package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.base.pattern.GoGlob;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.base.pattern.PatternMatcher;
import dev.buildd.base.text.GoQuote;
import dev.buildd.base.text.Ids;
import dev.buildd.frontend.dockerfile.context.GitReference;
import dev.buildd.frontend.dockerfile.instruction.Add;
import dev.buildd.frontend.dockerfile.instruction.Copy;
import dev.buildd.frontend.dockerfile.instruction.Origin;
import dev.buildd.frontend.dockerfile.instruction.Sources;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import dev.buildd.llb.ConstraintsOption;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** COPY and ADD (section 3.5): one step, with one action for each source. */
final class CopyConversion {
  private static final Set<String> ALL_FILES = Set.of("*", "**", "**/*");
  private static final int DOCUMENT_MODE = 0644;

  /** What COPY and ADD have in common. */
  private record Wanted(
      Origin origin,
      Sources sources,
      String owner,
      String mode,
      boolean link,
      List<String> excludes) {
    static Wanted of(Copy copy) {
      return new Wanted(
          copy.origin(), copy.sources(), copy.owner(), copy.mode(), copy.link(), copy.excludes());
    }

    static Wanted of(Add add) {
      return new Wanted(
          add.origin(), add.sources(), add.owner(), add.mode(), add.link(), add.excludes());
    }
  }

  private final BuildStage stage;
  private final Shared shared;
  private final Linter linter;
  private final boolean trigger;
  private final TargetPaths paths;
  private final Platform platform;
  private @Nullable FileAction actions;

  CopyConversion(BuildStage stage, Shared shared, Linter linter, boolean trigger) {
    this.stage = stage;
    this.shared = shared;
    this.linter = linter;
    this.trigger = trigger;
    this.platform = stage.platformOr(shared.platforms().target());
    this.paths = TargetPaths.of(platform.os());
  }

  /**
   * Converts COPY.
   *
   * @param from the stage that files are taken of; of the context if there is none
   * @return what history tells
   */
  String convert(Copy copy, Optional<BuildStage> from) {
    if (from.isPresent() && !from.get().done) {
      throw new DockerfileException(
          "cannot copy from stage "
              + GoQuote.of(copy.from())
              + ", it needs to be defined before current stage "
              + GoQuote.of(stage.shownName));
    }
    Wanted wanted = Wanted.of(copy);
    String destination = destination(wanted);
    FileAction.CopyOptions options = options(wanted);
    State source = from.map(each -> each.state).orElse(shared.context());
    String text = shared.names().text(copy.origin().text(), stage.environment);
    String name = name(text);
    for (String path : copy.sources().paths()) {
      if (RemoteFiles.repository(path).isPresent()) {
        throw new DockerfileException("source can't be a git ref for COPY");
      }
      if (RemoteFiles.isUrl(path)) {
        throw new DockerfileException("source can't be a URL for COPY");
      }
      if (from.isEmpty()) {
        noteIgnored("Copy", path, copy.origin());
      }
      if (copy.parents()) {
        addWithParents(source, path, destination, options);
      } else {
        addLocal(source, path, destination, options);
      }
    }
    finish(wanted, destination, options, text, name);
    for (String path : copy.sources().paths()) {
      String used = GoPath.join("/", path);
      from.ifPresentOrElse(each -> each.use(used), () -> stage.useOfContext(used));
    }
    return history("COPY" + (copy.parents() ? " --parents" : ""), wanted);
  }

  /**
   * Converts ADD.
   *
   * @return what history tells
   */
  String convert(Add add) {
    Wanted wanted = Wanted.of(add);
    String destination = destination(wanted);
    FileAction.CopyOptions options = options(wanted);
    checkChecksum(add);
    String text = shared.names().text(add.origin().text(), stage.environment);
    String name = name(text);
    Optional<Boolean> keepGitDirectory = add.keepGitDirectory();
    String checksum = add.checksum();
    for (String path : add.sources().paths()) {
      Optional<GitReference> repository = RemoteFiles.repository(path);
      if (repository.isPresent()) {
        // what a reference says holds for those after it too
        keepGitDirectory = keepGitDirectory(keepGitDirectory, repository.get());
        checksum = checksum(checksum, repository.get());
        State files =
            RemoteFiles.git(
                repository.get(), keepGitDirectory.orElse(false), checksum, Llb.customName(name));
        then(files, "/", destination, options);
      } else if (RemoteFiles.isUrl(path)) {
        State file = RemoteFiles.url(path, checksum, Llb.customName(name), Shared.command(""));
        then(
            file,
            RemoteFiles.filename(path),
            destination,
            add.unpack().orElse(false) ? options.unpacking() : options);
      } else {
        noteIgnored("Add", path, add.origin());
        addLocal(
            shared.context(),
            path,
            destination,
            add.unpack().orElse(true) ? options.unpacking() : options);
      }
    }
    finish(wanted, destination, options, text, name);
    for (String path : add.sources().paths()) {
      if (!path.startsWith("http://") && !path.startsWith("https://")) {
        stage.useOfContext(GoPath.join("/", path));
      }
    }
    return history("ADD", wanted);
  }

  private String name(String text) {
    return shared.names().next(stage, text, Optional.of(platform), stage.environment, trigger);
  }

  private String destination(Wanted wanted) {
    String path = paths.withoutDrive(wanted.sources().destination(), true);
    if (paths.isAbsolute(path)) {
      return paths.absolute("/", path, true);
    }
    return paths.absolute(
        stage.state.dir(), path.equals(".") || path.isEmpty() ? "./" : path, true);
  }

  private FileAction.CopyOptions options(Wanted wanted) {
    ChangedMode.check(wanted.mode());
    FileAction.CopyOptions out =
        FileAction.CopyOptions.DEFAULT
            .creatingDestination()
            .withMode(wanted.mode())
            .withPatterns(List.of(), wanted.excludes());
    return wanted.owner().isEmpty() ? out : out.withOwner(FileAction.Owner.parse(wanted.owner()));
  }

  private static void checkChecksum(Add add) {
    if (add.checksum().isEmpty()) {
      return;
    }
    List<String> sources = add.sources().paths();
    if (sources.size() != 1) {
      throw new DockerfileException("checksum can't be specified for multiple sources");
    }
    if (!RemoteFiles.isUrl(sources.getFirst()) && !GitReference.isOne(sources.getFirst())) {
      throw new DockerfileException("checksum requires HTTP(S) or Git sources");
    }
  }

  private static Optional<Boolean> keepGitDirectory(
      Optional<Boolean> wanted, GitReference reference) {
    if (wanted.isPresent()
        && reference.keepGitDirectory().isPresent()
        && !wanted.equals(reference.keepGitDirectory())) {
      throw new DockerfileException("inconsistent keep-git-dir configuration");
    }
    return reference.keepGitDirectory().or(() -> wanted);
  }

  private static String checksum(String wanted, GitReference reference) {
    String other = reference.checksum();
    if (!wanted.isEmpty() && !other.isEmpty() && !wanted.equals(other)) {
      throw new DockerfileException(
          "checksum mismatch " + GoQuote.of(wanted) + " != " + GoQuote.of(other));
    }
    return other.isEmpty() ? wanted : other;
  }

  private void addLocal(
      State source, String path, String destination, FileAction.CopyOptions options) {
    then(source, inSource(path), destination, ofTree(options));
  }

  /** What a copy of files of a tree does beyond one of a file. */
  private static FileAction.CopyOptions ofTree(FileAction.CopyOptions options) {
    return options.following().contentsOnly().withWildcard(true);
  }

  /** Keeps the directories of the source; of {@code a/./b} those below {@code a}. */
  private void addWithParents(
      State source, String path, String destination, FileAction.CopyOptions options) {
    int pivot = path.indexOf("/./");
    String root = pivot < 0 ? "/" : path.substring(0, pivot);
    String pattern = inSource(pivot < 0 ? path : path.substring(pivot + 3));
    FileAction.CopyOptions all =
        ofTree(options)
            .withPatterns(
                List.of(pattern.startsWith("/") ? pattern.substring(1) : pattern),
                options.excludePatterns());
    if (!GoGlob.hasWildcards(root) && !GoGlob.hasWildcards(pattern)) {
      all = all.withRequiredPaths(List.of(inSource(GoPath.join(root, pattern))));
    }
    then(source, inSource(root), destination, all);
  }

  private String inSource(String path) {
    try {
      return paths.absolute("/", path, false);
    } catch (DockerfileException e) {
      throw e.prefixed(TargetPaths.CLEANING);
    }
  }

  private void then(State source, String path, String destination, FileAction.CopyOptions options) {
    FileAction earlier = actions;
    actions =
        earlier == null
            ? Llb.copy(source, path, destination, options)
            : earlier.copy(source, path, destination, options);
  }

  private void finish(
      Wanted wanted, String destination, FileAction.CopyOptions options, String text, String name) {
    for (Sources.Document document : wanted.sources().documents()) {
      String file = paths.withoutDrive(document.name(), false);
      State files =
          Llb.scratch()
              .file(
                  Llb.mkfile(
                      file,
                      DOCUMENT_MODE,
                      Texts.encode(document.content()),
                      FileAction.Make.DEFAULT),
                  Shared.internal("preparing inline document"));
      then(files, file, destination, options);
    }
    FileAction all = actions;
    if (all == null) {
      throw new IllegalStateException("nothing to copy: " + wanted.origin().text());
    }
    List<ConstraintsOption> said = new ArrayList<>();
    said.add(Llb.customName(name));
    said.add(shared.location(wanted.origin().location()));
    if (stage.ignoresCache) {
      said.add(Llb.ignoreCache());
    }
    boolean linked = wanted.link() && wanted.mode().isEmpty() && shared.caps().contains("mergeop");
    stage.state =
        linked
            ? link(all, said, text, name)
            : stage.state.file(all, said.toArray(ConstraintsOption[]::new));
  }

  /** Copies into a filesystem of its own, which is laid over what is there. */
  private State link(FileAction all, List<ConstraintsOption> said, String text, String name) {
    String group = Ids.random();
    List<ConstraintsOption> ofCopy = new ArrayList<>(said);
    ofCopy.add(Llb.progressGroup(group, name, true));
    List<ConstraintsOption> ofMerge = new ArrayList<>(said);
    ofMerge.add(Llb.progressGroup(group, name, false));
    ofMerge.add(
        Llb.customName(
            shared
                .names()
                .again(stage, "LINK " + text, Optional.of(platform), stage.environment, trigger)));
    State copied = Llb.scratch().file(all, ofCopy.toArray(ConstraintsOption[]::new));
    return Llb.merge(List.of(stage.state, copied), ofMerge.toArray(ConstraintsOption[]::new))
        .reset(stage.state);
  }

  /** Files that are no part of the context cannot be copied. Exclusions are not understood. */
  private void noteIgnored(String verb, String path, Origin origin) {
    if (shared.ignored().isEmpty() || shared.ignored().get().hasExclusions()) {
      return;
    }
    PatternMatcher ignored = shared.ignored().get();
    String clean = paths.toSlashes(GoPath.clean(path));
    boolean root = clean.equals(".") || clean.equals("/");
    if (root
        && ignored.patterns().stream().noneMatch(pattern -> ALL_FILES.contains(pattern.text()))) {
      return;
    }
    if (ignored.matchesOrParentMatches(clean)) {
      linter.report(Violations.copyIgnoredFile(verb, clean), origin.location());
    }
  }

  private static String history(String verb, Wanted wanted) {
    StringBuilder out = new StringBuilder(verb);
    if (!wanted.owner().isEmpty()) {
      out.append(" --chown=").append(wanted.owner());
    }
    if (!wanted.mode().isEmpty()) {
      out.append(" --chmod=").append(wanted.mode());
    }
    wanted.sources().paths().forEach(path -> out.append(' ').append(path));
    wanted.sources().documents().forEach(document -> out.append(" <<").append(document.name()));
    return out.append(' ').append(wanted.sources().destination()).toString();
  }
}
