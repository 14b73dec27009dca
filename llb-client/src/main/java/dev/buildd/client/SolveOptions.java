package dev.buildd.client;

import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.Definition;
import dev.buildd.proto.sourcepolicy.Policy;
import dev.buildd.session.Attachable;
import dev.buildd.session.filesync.FileSendTarget;
import dev.buildd.trace.TraceContext;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What to build, and what to do with the result.
 *
 * @param ref names the build; a new one is made if empty
 * @param localDirs directories that the build may use, by name
 * @param ociLayouts OCI layouts whose images and blobs the build may use, by name
 * @param attachables what else it may use
 * @param exportChooser says what else becomes of the result once it is there
 * @param compatibilityVersion number of the version whose results the build is to give; zero for
 *     the daemon's own
 * @param internal whether the daemon leaves it out of its history
 * @param dryRun whether no step is run, and the outcome tells which would be and why ({@link
 *     BuildExplanation}); daemons that cannot do that are not asked to build
 * @param trace what the build is a part of for those who trace it
 */
public record SolveOptions(
    Optional<String> ref,
    List<Export> exports,
    Map<String, Path> localDirs,
    Map<String, Path> ociLayouts,
    String sharedKey,
    String frontend,
    Map<String, String> frontendAttrs,
    Map<String, Definition> frontendInputs,
    List<CacheEntry> cacheExports,
    List<CacheEntry> cacheImports,
    List<Attachable> attachables,
    List<String> entitlements,
    Optional<Policy> sourcePolicy,
    Optional<ExportChooser> exportChooser,
    int compatibilityVersion,
    boolean internal,
    boolean dryRun,
    Optional<TraceContext> trace) {
  public SolveOptions {
    exports = List.copyOf(exports);
    localDirs = Map.copyOf(localDirs);
    ociLayouts = Map.copyOf(ociLayouts);
    frontendAttrs = Map.copyOf(frontendAttrs);
    frontendInputs = Map.copyOf(frontendInputs);
    cacheExports = List.copyOf(cacheExports);
    cacheImports = List.copyOf(cacheImports);
    attachables = List.copyOf(attachables);
    entitlements = List.copyOf(entitlements);
  }

  /**
   * What becomes of the result.
   *
   * @param type {@code image}, {@code local}, {@code tar}, {@code oci}, {@code docker}
   * @param target where on this machine it goes, for exporters that send it back
   */
  public record Export(
      String type, Map<String, String> attrs, Optional<FileSendTarget.Target> target) {
    public Export {
      attrs = Map.copyOf(attrs);
    }

    /** Into a directory. */
    public static Export local(Path directory) {
      return new Export(
          "local", Map.of(), Optional.of(new FileSendTarget.Target.Directory(directory, false)));
    }
  }

  public static SolveOptions defaults() {
    return new SolveOptions(
        Optional.empty(),
        List.of(),
        Map.of(),
        Map.of(),
        "",
        "",
        Map.of(),
        Map.of(),
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        0,
        false,
        false,
        Optional.empty());
  }

  /** The components while some of them change. */
  private static final class Draft {
    private Optional<String> ref;
    private List<Export> exports;
    private Map<String, Path> localDirs;
    private Map<String, Path> ociLayouts;
    private String sharedKey;
    private String frontend;
    private Map<String, String> frontendAttrs;
    private Map<String, Definition> frontendInputs;
    private List<CacheEntry> cacheExports;
    private List<CacheEntry> cacheImports;
    private List<Attachable> attachables;
    private List<String> entitlements;
    private Optional<Policy> sourcePolicy;
    private Optional<ExportChooser> exportChooser;
    private int compatibilityVersion;
    private boolean internal;
    private boolean dryRun;
    private Optional<TraceContext> trace;

    Draft(SolveOptions from) {
      ref = from.ref;
      exports = from.exports;
      localDirs = from.localDirs;
      ociLayouts = from.ociLayouts;
      sharedKey = from.sharedKey;
      frontend = from.frontend;
      frontendAttrs = from.frontendAttrs;
      frontendInputs = from.frontendInputs;
      cacheExports = from.cacheExports;
      cacheImports = from.cacheImports;
      attachables = from.attachables;
      entitlements = from.entitlements;
      sourcePolicy = from.sourcePolicy;
      exportChooser = from.exportChooser;
      compatibilityVersion = from.compatibilityVersion;
      internal = from.internal;
      dryRun = from.dryRun;
      trace = from.trace;
    }

    SolveOptions done() {
      return new SolveOptions(
          ref,
          exports,
          localDirs,
          ociLayouts,
          sharedKey,
          frontend,
          frontendAttrs,
          frontendInputs,
          cacheExports,
          cacheImports,
          attachables,
          entitlements,
          sourcePolicy,
          exportChooser,
          compatibilityVersion,
          internal,
          dryRun,
          trace);
    }
  }

  private SolveOptions with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.done();
  }

  public SolveOptions withExports(Export... others) {
    return with(draft -> draft.exports = List.of(others));
  }

  public SolveOptions withLocalDir(String name, Path directory) {
    return with(draft -> draft.localDirs = added(localDirs, name, directory));
  }

  public SolveOptions withOciLayout(String name, Path directory) {
    return with(draft -> draft.ociLayouts = added(ociLayouts, name, directory));
  }

  private static Map<String, Path> added(Map<String, Path> to, String name, Path directory) {
    Map<String, Path> all = new LinkedHashMap<>(to);
    all.put(name, directory);
    return all;
  }

  public SolveOptions withFrontend(String name, Map<String, String> attrs) {
    return with(draft -> {
      draft.frontend = name;
      draft.frontendAttrs = attrs;
    });
  }

  /** With filesystems that the frontend is given, by name. */
  public SolveOptions withFrontendInputs(Map<String, Definition> inputs) {
    return with(draft -> draft.frontendInputs = inputs);
  }

  public SolveOptions withRef(String other) {
    return with(draft -> draft.ref = Optional.of(other));
  }

  /** Without running a step, and without what is to become of the result. */
  public SolveOptions withDryRun() {
    return with(draft -> {
      draft.dryRun = true;
      draft.exports = List.of();
      draft.cacheExports = List.of();
    });
  }

  /** As a part of what somebody traces. */
  public SolveOptions withTrace(TraceContext parent) {
    return with(draft -> draft.trace = Optional.of(parent));
  }

  public SolveOptions withEntitlements(String... others) {
    return with(draft -> draft.entitlements = List.of(others));
  }

  /** With caches that are exported afterwards, and such as may be drawn upon. */
  public SolveOptions withCaches(List<CacheEntry> toExport, List<CacheEntry> toImport) {
    return with(draft -> {
      draft.cacheExports = toExport;
      draft.cacheImports = toImport;
    });
  }

  /**
   * With the digests of caches in directories of this machine looked up, and without those that are
   * not there.
   */
  public SolveOptions withLocalCachesFound() throws IOException {
    return withCaches(cacheExports, LocalStores.of(this).imports());
  }

  public SolveOptions withExportChooser(ExportChooser chooser) {
    return with(draft -> draft.exportChooser = Optional.of(chooser));
  }

  public SolveOptions withCompatibilityVersion(int number) {
    return with(draft -> draft.compatibilityVersion = number);
  }

  public SolveOptions withAttachables(Attachable... others) {
    return with(draft -> draft.attachables = List.of(others));
  }
}
