package dev.buildd.client;

import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.Definition;
import dev.buildd.proto.sourcepolicy.Policy;
import dev.buildd.session.Attachable;
import dev.buildd.session.filesync.FileSendTarget;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What to build, and what to do with the result.
 *
 * @param ref names the build; a new one is made if empty
 * @param localDirs directories that the build may use, by name
 * @param ociLayouts OCI layouts whose images and blobs the build may use, by name
 * @param attachables what else it may use
 * @param internal whether the daemon leaves it out of its history
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
    boolean internal) {
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
        false);
  }

  public SolveOptions withExports(Export... others) {
    return new SolveOptions(
        ref,
        List.of(others),
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
        internal);
  }

  public SolveOptions withLocalDir(String name, Path directory) {
    Map<String, Path> dirs = new LinkedHashMap<>(localDirs);
    dirs.put(name, directory);
    return new SolveOptions(
        ref,
        exports,
        dirs,
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
        internal);
  }

  public SolveOptions withOciLayout(String name, Path directory) {
    Map<String, Path> layouts = new LinkedHashMap<>(ociLayouts);
    layouts.put(name, directory);
    return new SolveOptions(
        ref,
        exports,
        localDirs,
        layouts,
        sharedKey,
        frontend,
        frontendAttrs,
        frontendInputs,
        cacheExports,
        cacheImports,
        attachables,
        entitlements,
        sourcePolicy,
        internal);
  }

  public SolveOptions withFrontend(String name, Map<String, String> attrs) {
    return new SolveOptions(
        ref,
        exports,
        localDirs,
        ociLayouts,
        sharedKey,
        name,
        attrs,
        frontendInputs,
        cacheExports,
        cacheImports,
        attachables,
        entitlements,
        sourcePolicy,
        internal);
  }

  public SolveOptions withRef(String other) {
    return new SolveOptions(
        Optional.of(other),
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
        internal);
  }

  public SolveOptions withEntitlements(String... others) {
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
        List.of(others),
        sourcePolicy,
        internal);
  }

  /** With caches that are exported afterwards, and such as may be drawn upon. */
  public SolveOptions withCaches(List<CacheEntry> toExport, List<CacheEntry> toImport) {
    return new SolveOptions(
        ref,
        exports,
        localDirs,
        ociLayouts,
        sharedKey,
        frontend,
        frontendAttrs,
        frontendInputs,
        toExport,
        toImport,
        attachables,
        entitlements,
        sourcePolicy,
        internal);
  }

  /**
   * With the digests of caches in directories of this machine looked up, and without those that are
   * not there.
   */
  public SolveOptions withLocalCachesFound() throws IOException {
    return withCaches(cacheExports, LocalStores.of(this).imports());
  }

  public SolveOptions withAttachables(Attachable... others) {
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
        List.of(others),
        entitlements,
        sourcePolicy,
        internal);
  }
}
