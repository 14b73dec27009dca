package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.control.CacheOptions;
import dev.buildd.proto.control.CacheOptionsEntry;
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

  static CacheRequest of(CacheOptions options) {
    List<CacheExportOptions> exports = new ArrayList<>();
    boolean inline = false;
    for (CacheOptionsEntry export : options.getExportsList()) {
      switch (export.getType()) {
        case "registry", "local" ->
            exports.add(CacheExportOptions.parse(export.getType(), export.getAttrsMap()));
        case "inline" -> inline = true;
        case "gha", "s3", "azblob" ->
            throw new BuildException(
                Category.UNIMPLEMENTED,
                "cache exports of type "
                    + export.getType()
                    + " are not supported by this daemon yet");
        default ->
            throw BuildException.invalid("unknown cache exporter: \"" + export.getType() + "\"");
      }
    }
    List<CacheImport> imports = new ArrayList<>();
    for (CacheOptionsEntry entry : options.getImportsList()) {
      imports.add(new CacheImport(entry.getType(), entry.getAttrsMap()));
    }
    return new CacheRequest(exports, inline, imports);
  }
}
