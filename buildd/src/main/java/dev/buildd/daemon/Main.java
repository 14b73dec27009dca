package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Accounts;
import dev.buildd.base.linux.NativeImage;
import dev.buildd.base.text.GoBool;
import dev.buildd.daemon.gc.DiskSpace;
import dev.buildd.daemon.gc.GcSettings;
import dev.buildd.solver.llb.Entitlements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The daemon's command line: today's flags of buildkitd and those of the first buildd. */
@Command(
    name = "buildd",
    description = "build daemon",
    mixinStandardHelpOptions = false,
    sortOptions = false,
    usageHelpAutoWidth = true,
    versionProvider = Main.VersionText.class)
public final class Main implements Callable<Integer> {
  static {
    LogProvider.use();
  }

  private static final Logger log = LoggerFactory.getLogger(Main.class);
  static final Set<String> LOG_LEVELS =
      Set.of("error", "warn", "warning", "info", "debug", "trace");
  private static final int STOPPED = -1; // no code of a process
  private static final Path DEFAULT_CONFIG = Path.of("/etc/buildkit/buildkitd.toml");

  static final class VersionText implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {
        "buildd dev.buildd " + Version.BUILDD + " (BuildKit API " + Version.BUILDKIT + ")"
      };
    }
  }

  @Option(
      names = {"--help", "-h"},
      usageHelp = true,
      description = "show help")
  boolean help;

  @Option(
      names = {"--version", "-v"},
      versionHelp = true,
      description = "print the version")
  boolean version;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "path to config file (default: /etc/buildkit/buildkitd.toml)")
  @Nullable Path config;

  @Option(
      names = "--check-config",
      description = "read the config file, print what is wrong with it, and exit")
  boolean checkConfig;

  @Option(
      names = "--debug",
      arity = "0..1",
      fallbackValue = "true",
      description = "enable debug output in logs")
  @Nullable Boolean debug;

  @Option(names = "--trace", hidden = true, arity = "0..1", fallbackValue = "true")
  @Nullable Boolean trace;

  @Option(
      names = "--root",
      paramLabel = "DIR",
      description = "path to state directory (default: /var/lib/buildkit)")
  @Nullable Path root;

  @Option(
      names = "--addr",
      paramLabel = "ADDR",
      description =
          "listening address, may be repeated: unix://path, tcp://host:port, fd:// (default:"
              + " unix:///run/buildkit/buildd.sock and unix:///run/buildkit/buildkitd.sock)")
  List<String> addresses = new ArrayList<>();

  @Option(
      names = "--log-format",
      paramLabel = "FORMAT",
      description = "log formatter: json or text (default: text)")
  @Nullable String logFormat;

  @Option(
      names = "--log-level",
      paramLabel = "LEVEL",
      description = "error, warn, info, debug or trace (default: info)")
  @Nullable String logLevel;

  @Option(
      names = "--group",
      paramLabel = "GROUP",
      description = "group (name or gid) which will own all Unix socket listening addresses")
  @Nullable String group;

  @Option(
      names = "--debugaddr",
      paramLabel = "ADDR",
      description = "debugging address: host:port or unix://path")
  @Nullable String debugAddress;

  @Option(
      names = "--tlscert",
      paramLabel = "FILE",
      description = "certificate to show at tcp:// addresses, PEM")
  @Nullable String tlsCertificate;

  @Option(names = "--tlskey", paramLabel = "FILE", description = "key of that certificate, PEM")
  @Nullable String tlsKey;

  @Option(
      names = "--tlscacert",
      paramLabel = "FILE",
      description = "authorities whose certificates clients must show, PEM")
  @Nullable String tlsAuthority;

  @Option(
      names = "--allow-insecure-entitlement",
      paramLabel = "NAME",
      description = "allows insecure entitlements: network.host, security.insecure, device")
  List<String> entitlements = new ArrayList<>();

  @Option(
      names = "--oci-worker",
      paramLabel = "BOOL",
      description = "enable the runc worker: true, false or auto (default: auto)")
  @Nullable String ociWorker;

  @Option(
      names = "--oci-worker-labels",
      paramLabel = "KEY=VALUE",
      description = "labels of the worker, may be repeated")
  Map<String, String> labels = new LinkedHashMap<>();

  @Option(
      names = "--oci-worker-snapshotter",
      paramLabel = "NAME",
      description = "auto, overlayfs or native (default: auto)")
  @Nullable String snapshotter;

  @Option(
      names = "--oci-worker-platform",
      paramLabel = "PLATFORM",
      description = "override supported platforms, may be repeated")
  List<String> platforms = new ArrayList<>();

  @Option(
      names = "--oci-worker-net",
      paramLabel = "MODE",
      description = "network of steps: auto or host (default: auto)")
  @Nullable String network;

  @Option(names = "--oci-cni-config-path", hidden = true)
  @Nullable String cniConfigPath;

  @Option(
      names = "--oci-worker-binary",
      paramLabel = "BINARY",
      description = "OCI runtime (default: buildkit-runc, then runc)")
  @Nullable String binary;

  @Option(
      names = "--oci-worker-apparmor-profile",
      paramLabel = "PROFILE",
      description = "AppArmor profile of steps")
  @Nullable String apparmorProfile;

  @Option(
      names = "--oci-max-parallelism",
      paramLabel = "N",
      description = "how many steps may run at the same time, 0 for any number")
  @Nullable Integer maxParallelism;

  @Option(
      names = "--oci-worker-gc",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description = "remove from the cache by itself what the policies say (default: true)")
  @Nullable String gc;

  @Option(
      names = "--oci-worker-gc-keepstorage",
      paramLabel = "MB",
      description =
          "how much is kept, as Reserved[,Free[,Maximum]] in MB (default: parts of the disk)")
  @Nullable String gcKeepStorage;

  @Option(
      names = {"--containerd-worker"},
      paramLabel = "BOOL",
      description = "enable the containerd worker; it is not there yet")
  @Nullable String containerdWorker;

  @Option(
      names = {"--containerd-worker-addr", "--containerd"},
      paramLabel = "SOCK",
      hidden = true)
  @Nullable String containerdAddress;

  @Option(
      names = "--otel-socket-path",
      paramLabel = "PATH",
      description =
          "socket where steps hand over traces, if traces go anywhere (default: otel-grpc.sock"
              + " beside the daemon's)")
  @Nullable Path traceSocket;

  @Option(
      names = "--save-cache-debug",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description =
          "note what the digests in cache keys are of, for /debug/cache at the debugging address"
              + " (default: false)")
  @Nullable String saveCacheDebug;

  // known to BuildKit; a daemon without them would be less protected than was asked for
  @Option(
      names = {"--proxy-network"},
      hidden = true,
      arity = "0..1",
      fallbackValue = "true")
  @Nullable String proxyNetwork;

  @Option(
      names = {"--oci-worker-selinux"},
      hidden = true,
      arity = "0..1",
      fallbackValue = "true")
  @Nullable String selinux;

  // known to BuildKit, without effect here as yet; told of in the debug log
  @Option(
      names = {
        "--rootless",
        "--cdi-disabled",
        "--oci-worker-no-process-sandbox",
        "--oci-worker-rootless",
        "--containerd-worker-gc",
        "--containerd-worker-selinux",
        "--containerd-worker-rootless"
      },
      hidden = true,
      arity = "0..1",
      fallbackValue = "true")
  List<String> ignoredFlags = new ArrayList<>();

  @Option(
      names = {
        "--cdi-spec-dir",
        "--oci-cni-binary-dir",
        "--oci-cni-pool-size",
        "--oci-worker-proxy-snapshotter-path",
        "--containerd-worker-labels",
        "--containerd-worker-platform",
        "--containerd-worker-namespace",
        "--containerd-worker-runtime",
        "--containerd-worker-net",
        "--containerd-cni-config-path",
        "--containerd-cni-binary-dir",
        "--containerd-cni-pool-size",
        "--containerd-worker-snapshotter",
        "--containerd-worker-apparmor-profile",
        "--containerd-max-parallelism",
        "--containerd-worker-gc-keepstorage"
      },
      hidden = true)
  List<String> ignoredValues = new ArrayList<>();

  public static void main(String[] args) {
    NativeImage.begin();
    StartAhead.begin();
    CommandLine line = new CommandLine(new Main());
    line.setExecutionExceptionHandler((e, command, parsed) -> {
      System.err.println("buildd: " + (e.getMessage() == null ? e : e.getMessage()));
      log.debug("cannot go on", e);
      return 1;
    });
    line.setParameterExceptionHandler((e, given) -> {
      System.err.println("buildd: " + e.getMessage());
      return 1;
    });
    int code = line.execute(args);
    if (code == STOPPED) {
      Runtime.getRuntime().halt(0); // whatever threads of libraries are left
    }
    if (code != 0) {
      System.exit(code);
    }
  }

  @Override
  public Integer call() throws Exception {
    if (checkConfig) {
      List<String> warnings = load().warnings();
      warnings.forEach(System.err::println);
      return warnings.isEmpty() ? 0 : 1;
    }
    Logging.takeOverJavaLogging();
    if (!ignoredFlags.isEmpty() || !ignoredValues.isEmpty()) {
      log.debug("flags that are not supported by this daemon yet were ignored");
    }
    new DaemonProcess(this::settings, ServiceManager.of(System.getenv())).run();
    return STOPPED;
  }

  /** The file, with the flags over it; the log is as they say from then on. */
  private BuilddConfig settings() throws IOException {
    ConfigFile.Loaded loaded = load();
    BuilddConfig settings = flagged(loaded.config());
    Logging.apply(settings.log());
    loaded.warnings().forEach(log::warn);
    return settings;
  }

  private ConfigFile.Loaded load() throws IOException {
    if (config != null) {
      if (!Files.exists(config)) {
        throw BuildException.notFound(
            "failed to load config from " + config + ": no such file or directory");
      }
      return ConfigFile.load(config);
    }
    return Files.exists(DEFAULT_CONFIG)
        ? ConfigFile.load(DEFAULT_CONFIG)
        : new ConfigFile.Loaded(BuilddConfig.defaults(), List.of());
  }

  // --- flags over the file ---

  private static void refuse(String flag, @Nullable String value) {
    if (isTrue(value)) {
      throw new BuildException(
          Category.UNIMPLEMENTED, flag + " is not supported by this daemon yet");
    }
  }

  private BuilddConfig flagged(BuilddConfig base) {
    refuse("--proxy-network", proxyNetwork);
    refuse("--oci-worker-selinux", selinux);
    if (isTrue(containerdWorker) || containerdAddress != null) {
      throw new BuildException(
          Category.UNIMPLEMENTED,
          "the containerd worker is not there yet; run buildd without --containerd-worker, or"
              + " buildd-standalone, to use runc");
    }
    Set<String> allowed = new HashSet<>(base.insecureEntitlements());
    allowed.addAll(entitlements);
    for (String name : allowed) {
      if (!Set.of(Entitlements.NETWORK_HOST, Entitlements.SECURITY_INSECURE, "device")
          .contains(name)) {
        throw BuildException.invalid("invalid entitlement : " + name);
      }
    }
    return new BuilddConfig(
        root == null ? base.root() : root,
        log(base.log()),
        grpc(base.grpc()),
        worker(base.worker()),
        base.dns(),
        base.history(),
        base.registries(),
        base.system(),
        base.frontends(),
        allowed,
        traceSocket == null ? base.traceSocket() : Optional.of(traceSocket),
        isTrue(saveCacheDebug));
  }

  private BuilddConfig.Log log(BuilddConfig.Log base) {
    String fromEnvironment = System.getenv("BUILDKITD_LOG_LEVEL");
    String level = fromEnvironment == null ? base.level() : fromEnvironment;
    if (logLevel != null) {
      level = logLevel;
    }
    if (Boolean.TRUE.equals(debug)) {
      level = "debug";
    }
    if (Boolean.TRUE.equals(trace)) {
      level = "trace";
    }
    if (!LOG_LEVELS.contains(level)) {
      throw BuildException.invalid("not a valid log level: \"" + level + "\"");
    }
    boolean json = base.json();
    if (logFormat != null) {
      json =
          switch (logFormat) {
            case "json" -> true;
            case "text" -> false;
            default -> throw BuildException.invalid("unsupported log type \"" + logFormat + "\"");
          };
    }
    return new BuilddConfig.Log(level.equals("warning") ? "warn" : level, json);
  }

  private BuilddConfig.Grpc grpc(BuilddConfig.Grpc base) {
    Optional<String> debugAt =
        Optional.ofNullable(debugAddress)
            .or(() -> Optional.ofNullable(System.getenv("BUILDKITD_DEBUGADDR")))
            .filter(address -> !address.isEmpty())
            .or(base::debugAddress);
    return new BuilddConfig.Grpc(
        addresses.isEmpty() ? base.addresses() : addresses,
        debugAt,
        base.uid(),
        group == null ? base.gid() : Accounts.groupId(group),
        new BuilddConfig.Tls(
            over(base.tls().cert(), tlsCertificate),
            over(base.tls().key(), tlsKey),
            over(base.tls().ca(), tlsAuthority)),
        base.drain());
  }

  private static String over(String base, @Nullable String flag) {
    return flag == null || flag.isEmpty() ? base : flag;
  }

  private BuilddConfig.OciWorker worker(BuilddConfig.OciWorker base) {
    Map<String, String> allLabels = new LinkedHashMap<>(base.labels());
    allLabels.putAll(labels);
    return new BuilddConfig.OciWorker(
        (ociWorker == null || ociWorker.equals("auto")) ? base.enabled() : isTrue(ociWorker),
        allLabels,
        platforms.isEmpty() ? base.platforms() : platforms,
        snapshotter == null ? base.snapshotter() : snapshotter,
        binary == null ? base.binary() : binary,
        network == null ? base.networkMode() : network,
        cniConfigPath == null ? base.cniConfigPath() : cniConfigPath,
        base.cgroupParent(),
        apparmorProfile == null ? base.apparmorProfile() : apparmorProfile,
        maxParallelism == null ? base.maxParallelism() : maxParallelism,
        gc(base.gc()));
  }

  private GcSettings gc(GcSettings base) {
    GcSettings switched = gc == null ? base : base.withEnabled(isTrue(gc));
    if (gcKeepStorage == null || gcKeepStorage.isEmpty()) {
      return switched;
    }
    List<DiskSpace> spaces = new ArrayList<>();
    for (String part : gcKeepStorage.split(",", -1)) {
      try {
        spaces.add(DiskSpace.ofBytes(Math.multiplyExact(Long.parseLong(part), 1_000_000L)));
      } catch (NumberFormatException | ArithmeticException | BuildException e) {
        throw wrongKeepStorage();
      }
    }
    if (spaces.size() > 3) {
      throw wrongKeepStorage();
    }
    spaces.addAll(List.of(DiskSpace.NONE, DiskSpace.NONE));
    return switched.withSpace(spaces.get(0), spaces.get(2), spaces.get(1));
  }

  private BuildException wrongKeepStorage() {
    return BuildException.invalid(
        "--oci-worker-gc-keepstorage: failed to parse storage \""
            + gcKeepStorage
            + "\": give whole MB as Reserved[,Free[,Maximum]]");
  }

  private static boolean isTrue(@Nullable String text) {
    return text != null && GoBool.isTrue(text);
  }
}
