package dev.buildd.daemon.build;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.solver.llb.LlbBridge.CacheImport;
import dev.buildd.solver.remote.CacheExportOptions;
import java.util.ArrayList;
import java.util.List;

/**
 * What a request says of caches.
 *
 * @param inline whether exported images carry the cache in their configs
 */
record CacheRequest(List<CacheExportOptions> exports, boolean inline, List<CacheImport> imports) {

  static CacheRequest of(List<CacheEntry> wantedExports, List<CacheEntry> wantedImports) {
    List<CacheExportOptions> exports = new ArrayList<>();
    boolean inline = false;
    for (CacheEntry export : wantedExports) {
      switch (export.type()) {
        case "registry", "local" ->
            exports.add(CacheExportOptions.parse(export.type(), export.attrs()));
        case "inline" -> inline = true;
        case "gha", "s3", "azblob" ->
            throw new BuildException(
                Category.UNIMPLEMENTED,
                "cache exports of type " + export.type() + " are not supported by this daemon yet");
        default ->
            throw BuildException.invalid("unknown cache exporter: \"" + export.type() + "\"");
      }
    }
    List<CacheImport> imports = new ArrayList<>();
    for (CacheEntry entry : wantedImports) {
      imports.add(new CacheImport(entry.type(), entry.attrs()));
    }
    return new CacheRequest(exports, inline, imports);
  }
}
