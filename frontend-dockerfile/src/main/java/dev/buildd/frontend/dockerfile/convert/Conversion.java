package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.PatternMatcher;
import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.frontend.dockerfile.instruction.Dockerfile;
import dev.buildd.frontend.dockerfile.lex.Directives;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.ProxyVariables;
import dev.buildd.llb.State;
import java.time.OffsetDateTime;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Converts a Dockerfile for one platform. The order of work decides which fault is seen first
 * (section 4.1).
 */
public final class Conversion {
  private static final String BAD_PATTERN = "syntax error in pattern";
  private static final Set<String> PROXIES =
      Set.of("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy");

  private final ConversionRequest request;
  private final Set<String> contextPaths = new TreeSet<>();
  private @Nullable State context;

  private Conversion(ConversionRequest request) {
    this.request = request;
  }

  /**
   * Converts.
   *
   * @throws DockerfileException if the Dockerfile, or what it asks for, is wrong
   */
  public static Converted run(ConversionRequest request) throws Exception {
    return new Conversion(request).run();
  }

  private Converted run() throws Exception {
    Linter linter = new Linter(lintOptions(), request.warnings());
    Dockerfile dockerfile = Dockerfile.parse(request.source().text(), linter);
    Platforms platforms = Platforms.of(request.options().buildPlatform(), request.target());
    Map<String, String> buildArgs = new TreeMap<>(request.options().buildArgs());
    String target = request.options().target();
    Variables predefined =
        GlobalArguments.predefined(
            platforms, target.isEmpty() ? dockerfile.stages().getLast().name() : target, buildArgs);
    FromConversion.checkDefaults(dockerfile, predefined, linter);
    GlobalArguments globals =
        GlobalArguments.of(predefined, dockerfile.arguments(), buildArgs, dockerfile.escape());
    Optional<OffsetDateTime> epoch =
        SourceDateEpoch.resolve(request, dockerfile, globals.variables(), buildArgs);
    StageList stages =
        new FromConversion(request, platforms, globals, linter, dockerfile.escape())
            .convert(dockerfile.stages());
    BuildStage result = target(stages);
    StageLinks links = new StageLinks(stages, dockerfile.escape());
    links.linkAll();
    if (stages.all().size() == 1) {
      stages.last().shownName = "";
    }
    Shared shared =
        new Shared(
            request,
            platforms,
            globals,
            buildArgs,
            epoch,
            dockerfile.escape(),
            linter,
            new StepNames(request.options().multiPlatform(), dockerfile.escape()),
            Llb.deferred(this::context),
            Optional.empty(),
            proxies(buildArgs),
            request.origins().client().llbCaps());
    Set<BuildStage> needed = resolve(stages, result, links, shared);
    convert(stages, needed, shared.withIgnored(ignored()));
    result.use("/");
    result.image.putLabels(request.options().labels());
    linter.failIfAsked();
    context = request.origins().context().files(BuildStage.relative(contextPaths));
    return finish(result, shared);
  }

  private LintOptions lintOptions() {
    Optional<LintOptions> given = request.options().checks();
    if (given.isPresent()) {
      return given.get();
    }
    try {
      return Directives.check(request.source().text())
          .map(directive -> LintOptions.parse(directive.word()))
          .orElse(LintOptions.DEFAULT);
    } catch (DockerfileException e) {
      throw e.prefixed("failed to parse check options: ");
    }
  }

  /** The proxies that the build tells of; names in lower case go before those in upper case. */
  private static Optional<ProxyVariables> proxies(Map<String, String> buildArgs) {
    Map<String, String> found = new TreeMap<>();
    buildArgs.forEach((name, value) -> found.put(name.toLowerCase(Locale.ROOT), value));
    found.keySet().retainAll(PROXIES);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    ProxyVariables proxies =
        new ProxyVariables(
            found.getOrDefault("http_proxy", ""),
            found.getOrDefault("https_proxy", ""),
            found.getOrDefault("ftp_proxy", ""),
            found.getOrDefault("no_proxy", ""),
            found.getOrDefault("all_proxy", ""));
    return Optional.of(proxies);
  }

  private BuildStage target(StageList stages) {
    String name = request.options().target();
    if (name.isEmpty()) {
      return stages.last();
    }
    return stages
        .find(name)
        .orElseThrow(() ->
            new DockerfileException(
                "target stage \""
                    + name
                    + "\" could not be found"
                    + Suggestions.hint(name, stages.names())));
  }

  /** Finds out all bases; triggers of some may ask for others. */
  private static Set<BuildStage> resolve(
      StageList stages, BuildStage result, StageLinks links, Shared shared) throws Exception {
    BaseResolver bases = new BaseResolver(shared, stages);
    Triggers triggers = new Triggers(links);
    while (true) {
      Set<BuildStage> needed = result.reachable();
      bases.resolve(needed);
      boolean more = false;
      for (BuildStage stage : needed) {
        more |= triggers.take(stage);
      }
      if (!more) {
        return needed;
      }
    }
  }

  private Optional<PatternMatcher> ignored() throws InterruptedException {
    List<String> patterns = request.origins().context().ignorePatterns();
    if (patterns.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(PatternMatcher.compile(patterns));
    } catch (BuildException e) {
      String text = String.valueOf(e.getMessage());
      throw new DockerfileException(
          text.startsWith(BAD_PATTERN) ? BAD_PATTERN : text, List.of(), e);
    }
  }

  private void convert(StageList stages, Set<BuildStage> needed, Shared shared) {
    for (BuildStage stage : stages.all()) {
      if (request.allStages() || (needed.contains(stage) && !stage.done)) {
        new StageConversion(stage, shared).convert();
        contextPaths.addAll(stage.contextPaths());
      }
    }
  }

  private State context() {
    State known = context;
    if (known == null) {
      throw new IllegalStateException("steps are written down before all are known");
    }
    return known;
  }

  private Converted finish(BuildStage result, Shared shared) {
    Platforms platforms = shared.platforms();
    if (!platforms.implicit()) {
      result.image.platform(asked(result.image.platform(), platforms.target()));
    }
    result.image.platform(result.image.platform().normalized());
    SortedMap<String, State> scanned = new TreeMap<>();
    if (result.contextScanned) {
      scanned.put("context", shared.context());
    }
    boolean ignoresCache = result.ignoresCache;
    Set<BuildStage> others = new LinkedHashSet<>(result.reachable());
    others.remove(result);
    for (BuildStage stage : others) {
      if (stage.scanned) {
        scanned.put(stage.shownName, stage.state);
        ignoresCache |= stage.ignoresCache;
      }
    }
    ImageConfig image = result.image.toConfig();
    return new Converted(
        result.state,
        image,
        result.baseImage,
        shared.epoch(),
        scanned,
        ignoresCache,
        () -> OutlineNotes.of(result),
        MarshalOptions.forDaemon(shared.caps(), Llb.platform(platforms.target())));
  }

  /** The platform that was asked for; what it leaves open is as the image has it. */
  private static Platform asked(Platform image, Platform target) {
    boolean same =
        image.os().equals(target.os()) && image.architecture().equals(target.architecture());
    return new Platform(
        target.os(),
        target.architecture(),
        target.variant().isEmpty() && same ? image.variant() : target.variant(),
        target.osVersion().isEmpty() && same ? image.osVersion() : target.osVersion(),
        target.osFeatures().isEmpty() ? image.osFeatures() : target.osFeatures());
  }
}
