package dev.buildd.daemon;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * The keys of {@code buildkitd.toml}. A star stands for any name; {@code []} for the tables of an
 * array.
 */
final class ConfigKeys {
  private ConfigKeys() {}

  /** What this daemon does. */
  static final List<String> BUILT =
      List.of(
          "debug",
          "trace",
          "root",
          "insecure-entitlements",
          "log.format",
          "log.level",
          "grpc.address",
          "grpc.debugAddress",
          "grpc.uid",
          "grpc.gid",
          "grpc.tls.cert",
          "grpc.tls.key",
          "grpc.tls.ca",
          "grpc.drainTimeout",
          "dns.nameservers",
          "dns.options",
          "dns.searchDomains",
          "history.maxAge",
          "history.maxEntries",
          "worker.oci.enabled",
          "worker.oci.labels.*",
          "worker.oci.platforms",
          "worker.oci.snapshotter",
          "worker.oci.binary",
          "worker.oci.networkMode",
          "worker.oci.cniConfigPath",
          "worker.oci.defaultCgroupParent",
          "worker.oci.apparmor-profile",
          "worker.oci.max-parallelism",
          "worker.oci.gc",
          "worker.oci.gckeepstorage",
          "worker.oci.reservedSpace",
          "worker.oci.maxUsedSpace",
          "worker.oci.minFreeSpace",
          "worker.oci.gcpolicy[].all",
          "worker.oci.gcpolicy[].filters",
          "worker.oci.gcpolicy[].keepDuration",
          "worker.oci.gcpolicy[].keepBytes",
          "worker.oci.gcpolicy[].reservedSpace",
          "worker.oci.gcpolicy[].maxUsedSpace",
          "worker.oci.gcpolicy[].minFreeSpace",
          "worker.containerd.enabled",
          "frontend.*.enabled",
          "frontend.*.allowedRepositories",
          "otel.socketPath",
          "system.maxRegistryConcurrency",
          "system.platformsCacheMaxAge",
          "registry.*.mirrors",
          "registry.*.http",
          "registry.*.insecure",
          "registry.*.ca",
          "registry.*.tlsconfigdir",
          "registry.*.keypair[].key",
          "registry.*.keypair[].cert");

  /** What BuildKit knows and this daemon does not do yet. */
  static final List<String> KNOWN =
      List.of(
          "proxyNetwork",
          "provenanceEnvDir",
          "grpc.securityDescriptor",
          "cdi.disabled",
          "cdi.specDirs",
          "cdi.autoAllowed",
          "worker.oci.rootless",
          "worker.oci.noProcessSandbox",
          "worker.oci.cniBinaryPath",
          "worker.oci.cniPoolSize",
          "worker.oci.bridgeName",
          "worker.oci.bridgeSubnet",
          "worker.oci.userRemapUnsupported",
          "worker.oci.proxySnapshotterPath",
          "worker.oci.selinux",
          "worker.oci.stargzSnapshotter.**",
          "worker.containerd.**",
          "frontend.**",
          "cache.gha.**");

  /** Of these, what a daemon without them would be open for: never passed over. */
  static final List<String> PROTECTING =
      List.of("proxyNetwork", "worker.oci.selinux", "worker.oci.userRemapUnsupported");

  static boolean matches(List<String> patterns, String key) {
    List<String> parts = List.of(key.split("\0", -1));
    return patterns.stream().anyMatch(p -> matches(List.of(p.split("\\.")), parts));
  }

  private static boolean matches(List<String> pattern, List<String> parts) {
    for (int i = 0; i < pattern.size(); i++) {
      String wanted = pattern.get(i);
      if (wanted.equals("**")) {
        return parts.size() > i;
      }
      if (i >= parts.size() || !(wanted.equals("*") || wanted.equals(parts.get(i)))) {
        return false;
      }
    }
    return parts.size() == pattern.size();
  }

  /** The known name in the same table that is most like the key's last part, if any is. */
  static Optional<String> nearest(String key) {
    List<String> parts = List.of(key.split("\0", -1));
    TreeSet<String> names = new TreeSet<>();
    for (List<String> patterns : List.of(BUILT, KNOWN)) {
      for (String pattern : patterns) {
        List<String> p = List.of(pattern.split("\\."));
        int depth = parts.size() - 1;
        if (p.size() > depth
            && matches(p.subList(0, depth), parts.subList(0, depth))
            && !p.get(depth).startsWith("*")) {
          names.add(p.get(depth).replace("[]", ""));
        }
      }
    }
    String last = parts.getLast();
    return names.stream()
        .min(Comparator.comparingInt(name -> distance(name, last)))
        .filter(name -> distance(name, last) <= Math.max(2, last.length() / 3));
  }

  /** Levenshtein's, with letters compared in lower case. */
  private static int distance(String left, String right) {
    String a = left.toLowerCase(java.util.Locale.ROOT);
    String b = right.toLowerCase(java.util.Locale.ROOT);
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int above = row[j];
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(Math.min(row[j] + 1, row[j - 1] + 1), replaced);
        diagonal = above;
      }
    }
    return row[b.length()];
  }
}
