package dev.buildd.daemon;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.Stat;
import dev.buildd.daemon.gc.GcSettings;
import dev.buildd.registry.RegistrySettings;
import dev.buildd.solver.worker.MachinePlatforms;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How the daemon is set up: defaults, then {@code buildkitd.toml}, then flags.
 *
 * @param root where all state is kept
 * @param frontends by name; those that are not there are as by default
 * @param insecureEntitlements what builds may be granted
 * @param traceSocket where steps hand over spans, if that is said
 * @param saveCacheDebug whether it is noted what the digests in cache keys are of
 */
record BuilddConfig(
    Path root,
    Log log,
    Grpc grpc,
    OciWorker worker,
    Dns dns,
    HistoryLimits history,
    Map<String, Registry> registries,
    SystemLimits system,
    Map<String, FrontendPolicy> frontends,
    Set<String> insecureEntitlements,
    Optional<Path> traceSocket,
    boolean saveCacheDebug) {
  private static final Path STATE = Path.of("/run/buildkit");
  private static final String UNIX = "unix://";

  /** Where steps hand over spans: beside the first socket of clients unless another is named. */
  Path traceSocketPath() {
    return traceSocket.orElseGet(() ->
        grpc.addresses().stream()
            .filter(address -> address.startsWith(UNIX))
            .findFirst()
            .map(address -> Path.of(address.substring(UNIX.length())).toAbsolutePath().getParent())
            .orElse(STATE)
            .resolve("otel-grpc.sock"));
  }

  /**
   * @param level error, warn, info, debug or trace
   * @param json whether lines are JSON objects
   */
  record Log(String level, boolean json) {}

  /**
   * @param addresses at least one, with schemes
   * @param debugAddress where diagnostics are served, {@code host:port} or {@code unix://path}
   * @param uid owner of sockets
   * @param drain how long running builds may go on once the daemon is told to end
   */
  record Grpc(
      List<String> addresses,
      Optional<String> debugAddress,
      int uid,
      int gid,
      Tls tls,
      Duration drain) {

    /** Running builds get half of the ten seconds after which Docker kills a container. */
    static final Duration DEFAULT_DRAIN = Duration.ofSeconds(5);

    Grpc withAddresses(List<String> others) {
      return new Grpc(others, debugAddress, uid, gid, tls, drain);
    }
  }

  /**
   * PEM files of TCP's TLS; empty texts where there are none.
   *
   * @param ca who vouches for clients, which then have to show a certificate
   */
  record Tls(String cert, String key, String ca) {
    static final Tls NONE = new Tls("", "", "");
  }

  /**
   * @param platforms such as are there whatever is found
   * @param snapshotter auto, overlayfs or native
   * @param binary the runtime; empty to look for one
   * @param networkMode auto, host, bridge or cni
   * @param maxParallelism how many steps may run at once; 0 for any number
   * @param gc what goes from the cache by itself
   */
  record OciWorker(
      boolean enabled,
      Map<String, String> labels,
      List<String> platforms,
      String snapshotter,
      String binary,
      String networkMode,
      String cniConfigPath,
      String cgroupParent,
      String apparmorProfile,
      int maxParallelism,
      GcSettings gc) {}

  record Dns(List<String> nameservers, List<String> options, List<String> searchDomains) {}

  /** Seconds and entries; see {@link dev.buildd.daemon.history.History.Limits}. */
  record HistoryLimits(long maxAgeSeconds, int maxEntries) {}

  /**
   * @param platformsCacheMaxAge how long the platforms stand that were found; negative for ever
   * @param maxRegistryConcurrency how many blobs one registry transfers at once
   */
  record SystemLimits(Duration platformsCacheMaxAge, int maxRegistryConcurrency) {}

  /**
   * What a frontend of the daemon may do.
   *
   * @param allowedRepositories whose images may be frontends; empty for all
   */
  record FrontendPolicy(boolean enabled, List<String> allowedRepositories) {
    static final FrontendPolicy DEFAULT = new FrontendPolicy(true, List.of());
  }

  /** What the frontend of that name may do. */
  FrontendPolicy frontend(String name) {
    return frontends.getOrDefault(name, FrontendPolicy.DEFAULT);
  }

  /** How one registry is reached. */
  record Registry(
      List<String> mirrors,
      Optional<Boolean> plainHttp,
      boolean insecure,
      List<String> ca,
      List<KeyPair> keyPairs,
      List<String> tlsConfigDirectories) {}

  record KeyPair(String key, String certificate) {}

  /** The user or group that the daemon runs as, who owns what it makes unless told otherwise. */
  private static int own(String which) {
    try {
      Stat self = Linux.stat(Path.of("/proc/self"));
      return which.equals("uid") ? self.uid() : self.gid();
    } catch (LinuxException e) {
      throw new IllegalStateException("/proc is not mounted", e);
    }
  }

  static BuilddConfig defaults() {
    return new BuilddConfig(
        Path.of("/var/lib/buildkit"),
        new Log("info", false),
        new Grpc(
            List.of("unix:///run/buildkit/buildd.sock", "unix:///run/buildkit/buildkitd.sock"),
            Optional.empty(),
            own("uid"),
            own("gid"),
            Tls.NONE,
            Grpc.DEFAULT_DRAIN),
        new OciWorker(
            true,
            Map.of(),
            List.of(),
            "auto",
            "",
            "auto",
            "/etc/buildkit/cni.json",
            "",
            "",
            0,
            GcSettings.DEFAULT),
        new Dns(List.of(), List.of(), List.of()),
        new HistoryLimits(172_800, 50),
        Map.of(),
        new SystemLimits(MachinePlatforms.DEFAULT_MAX_AGE, RegistrySettings.DEFAULT_CONCURRENCY),
        Map.of(),
        Set.of(),
        Optional.empty(),
        false);
  }
}
