package dev.buildd.solver.llb;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * What of the LLB language and of the frontends' interface this daemon does (wire.md section 8). A
 * client that uses something else fails early with a clear message.
 */
public final class ApiCapabilities {
  private ApiCapabilities() {}

  /** Features of LLB. */
  public static final Set<String> LLB =
      names(
          "constraints",
          "diffop",
          "exec.cgroup",
          "exec.meta.base",
          "exec.meta.cgroup.parent",
          "exec.meta.linux.resources",
          "exec.meta.network",
          "exec.meta.proxyenv",
          "exec.meta.removemountstubs.recursive",
          "exec.meta.security",
          "exec.meta.setsdefaultpath",
          "exec.meta.ulimit",
          "exec.mount.bind",
          "exec.mount.bind.readwrite-nooutput",
          "exec.mount.cache",
          "exec.mount.cache.content",
          "exec.mount.cache.sharing",
          "exec.mount.secret",
          "exec.mount.selector",
          "exec.mount.ssh",
          "exec.mount.tmpfs",
          "exec.mount.tmpfs.size",
          "exec.secretenv",
          "exec.validexitcode",
          "exporter.multiple",
          "exporter.session",
          "file.base",
          "file.copy.alwaysreplaceexistingdestpaths",
          "file.copy.includeexcludepatterns",
          "file.copy.modestring",
          "file.copy.requiredpaths",
          "file.rm.nofollowsymlink",
          "file.rm.wildcard",
          "file.symlink.create",
          "gc.freespacefilter",
          "mergeop",
          "meta.description",
          "meta.exportcache",
          "meta.ignorecache",
          "passthroughop",
          "platform",
          "source.buildop.llbfilename",
          "source.git",
          "source.git.checksum",
          "source.git.fetchbycommit",
          "source.git.fullurl",
          "source.git.httpauth",
          "source.git.keepgitdir",
          "source.git.knownsshhosts",
          "source.git.mountsshsock",
          "source.git.mtime",
          "source.git.skipsubmodules",
          "source.git.subdir",
          "soruce.http.uidgid", // so it is spelled on the wire
          "source.http",
          "source.http.auth",
          "source.http.checksum",
          "source.http.header",
          "source.http.perm",
          "source.http.signatureverify",
          "source.image",
          "source.imageblob",
          "source.image.checksum",
          "source.image.layerlimit",
          "source.image.resolvemode",
          "source.local",
          "source.local.differ",
          "source.local.excludepatterns",
          "source.local.followpaths",
          "source.local.includepatterns",
          "source.local.metadatatransfer",
          "source.local.sessionid",
          "source.local.sharedkeyhint",
          "source.local.unique",
          "source.ocilayout");

  /** Features of the gateway. */
  public static final Set<String> GATEWAY =
      names(
          "frontend.caps",
          "frontend.inputs",
          "gateway.evaluate",
          "gateway.exec",
          "gateway.exec.extrahosts",
          "gateway.exec.filesystem",
          "gateway.exec.secretenv",
          "gateway.exec.signals",
          "gateway.solve.evaluate",
          "gateway.solve.metadata",
          "gateway.warnings",
          "proto.refarray",
          "readdir",
          "readfile",
          "reference.output",
          "resolveimage",
          "resolveimage.resolvemode",
          "return",
          "returnmap",
          "solve.base",
          "source.metaresolver",
          "source.metaresolver.image.attestations",
          "statfile");

  private static Set<String> names(String... all) {
    return new TreeSet<>(List.of(all));
  }
}
