package dev.buildd.solver.ops;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.GoJson;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.text.GoQuote;
import dev.buildd.cache.contenthash.ChecksumOptions;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.CacheOpt;
import dev.buildd.proto.pb.CacheSharingOpt;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.LinuxResources;
import dev.buildd.proto.pb.Meta;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.ProxyEnv;
import dev.buildd.proto.pb.SecretEnv;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.secrets.Secrets;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.graph.BuildTracing;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.graph.VertexProgress;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Runs a process in a root filesystem. */
public final class ExecOperation implements Op {
  private static final StepLog.Limits LOG_LIMITS = StepLog.Limits.fromEnvironment();

  private final ExecOp message;
  private final Platform platform;
  private final int inputs;
  private final Optional<LinuxResources> resources;
  private final ExecSettings settings;

  public ExecOperation(
      ExecOp message,
      Platform platform,
      int inputs,
      Optional<LinuxResources> resources,
      ExecSettings settings) {
    this.message = message;
    this.platform = platform;
    this.inputs = inputs;
    this.resources = resources;
    this.settings = settings;
  }

  // --- how it is cached (wire.md section 14.1) ---

  @Override
  public CacheMap cacheMap(OpContext context, int index) {
    ExecOp.Builder keyed = message.toBuilder();
    Meta.Builder meta = keyed.getMetaBuilder().clearProxyEnv();
    meta.getExtraHostsBuilderList().forEach(host -> host.clearIP());
    for (Mount.Builder mount : keyed.getMountsBuilderList()) {
      mount.clearSelector();
      if (mount.hasCacheOpt() && !isDefaultCache(mount)) {
        mount.getCacheOptBuilder().clearID().clearSharing();
      }
    }
    if (keyed.getMountsCount() == 1 && isPlainRoot(keyed.getMounts(0))) {
      keyed.clearMounts();
    }
    StringBuilder json =
        new StringBuilder("{\"Type\":\"buildkit.exec.v0\",\"Exec\":")
            .append(GoProtoJson.toJson(keyed.build()))
            .append(",\"OS\":");
    GoJson.quote(json, platform.os());
    GoJson.quote(json.append(",\"Arch\":"), platform.architecture());
    if (!platform.variant().isEmpty()) {
      GoJson.quote(json.append(",\"Variant\":"), platform.variant());
    }
    if (!platform.osVersion().isEmpty()) {
      GoJson.quote(json.append(",\"OSVersion\":"), platform.osVersion());
    }
    if (!platform.osFeatures().isEmpty()) {
      json.append(",\"OSFeatures\":[");
      for (int i = 0; i < platform.osFeatures().size(); i++) {
        GoJson.quote(json.append(i == 0 ? "" : ","), platform.osFeatures().get(i));
      }
      json.append(']');
    }
    json.append('}');
    return new CacheMap(
        CacheDigest.of(CacheDigest.Kind.JSON, json.toString()), false, dependencies(), true);
  }

  /** A cache mount as Dockerfiles make it by default, perhaps with a namespace. */
  private static boolean isDefaultCache(Mount.Builder mount) {
    CacheOpt option = mount.getCacheOpt();
    if (option.getSharing() != CacheSharingOpt.SHARED) {
      return false;
    }
    int slash = option.getID().indexOf('/');
    return option.getID().equals(mount.getDest())
        || (slash >= 0 && option.getID().substring(slash + 1).equals(mount.getDest()));
  }

  private static boolean isPlainRoot(Mount mount) {
    return mount.getDest().equals("/")
        && !mount.getReadonly()
        && mount.getMountType() == MountType.BIND
        && !mount.hasCacheOpt()
        && !mount.hasSSHOpt()
        && !mount.hasSecretOpt()
        && mount.getResultID().isEmpty();
  }

  private List<CacheMap.Dependency> dependencies() {
    List<List<String>> paths = new ArrayList<>();
    boolean[] byContent = new boolean[inputs];
    for (int i = 0; i < inputs; i++) {
      paths.add(new ArrayList<>());
    }
    for (Mount mount : message.getMountsList()) {
      boolean reads =
          mount.getMountType() == MountType.BIND || mount.getMountType() == MountType.CACHE;
      if (reads && mount.getInput() >= 0) {
        int input = (int) mount.getInput();
        String path = RootedPath.clean(mount.getSelector());
        paths.get(input).add(path);
        byContent[input] = isComparedByContent(mount, path);
      }
    }
    List<CacheMap.Dependency> out = new ArrayList<>();
    for (int i = 0; i < inputs; i++) {
      List<String> used = paths.get(i);
      out.add(
          new CacheMap.Dependency(
              used.isEmpty() ? Optional.empty() : Optional.of(Selector.digestOf(used)),
              byContent[i]
                  ? Optional.of(Selector.contentDigest(i, selectors(used)))
                  : Optional.empty()));
    }
    return out;
  }

  /**
   * Whether equal content of what the mount shows means an equal result: not if the step may write
   * and the rest of the input, which it does not see, is in the output too.
   */
  private static boolean isComparedByContent(Mount mount, String path) {
    boolean safe = mount.getOutput() == -1 || mount.getReadonly() || path.equals("/");
    return switch (mount.getContentCache()) {
      case OFF -> false;
      case ON -> {
        if (!safe) {
          throw BuildException.invalid("invalid mount cache content of " + mount.getDest());
        }
        yield true;
      }
      default -> safe && !mount.getDest().equals("/"); // a whole root costs more than it helps
    };
  }

  private static List<Selector> selectors(List<String> paths) {
    List<String> outermost = Selector.outermost(paths);
    if (outermost.contains("/")) {
      return List.of();
    }
    return outermost.stream()
        .map(path -> new Selector(path, ChecksumOptions.PLAIN.withFollowLinks(true)))
        .toList();
  }

  // --- running it ---

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> arguments) throws Exception {
    SessionGroup sessions = new SessionGroup(settings.sessions(), context::sessions);
    try (ExecMounts mounts =
        new ExecMounts(
            ExecMounts.Wanted.of(message),
            settings,
            sessions,
            arguments.stream().map(RefResult::refOf).toList())) {
      mounts.prepare();
      try (StepLog stdout = log(context, 1);
          StepLog stderr = log(context, 2)) {
        try {
          run(spec(context, mounts, sessions), new ProcessIo(stdout, stderr), context.progress());
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) {
          stdout.publishDropped();
          stderr.publishDropped();
          throw new StepException(e, mounts.failed().keptBy(context.memos()));
        }
        stdout.publishDropped();
        stderr.publishDropped();
      }
      return mounts.commit();
    }
  }

  private void run(ProcessSpec process, ProcessIo io, VertexProgress progress) throws Exception {
    String command = GoQuote.of(String.join(" ", message.getMeta().getArgsList()));
    List<Integer> valid = message.getMeta().getValidExitCodesList();
    int code = 0;
    String reason = "exit code: 0";
    try {
      settings.executor().run(process, io, progress::used);
    } catch (ExitException e) {
      code = e.code();
      reason = e.getMessage();
    } catch (BuildException e) {
      throw new BuildException(
          e.category(),
          "process " + command + " did not complete successfully: " + e.getMessage(),
          e);
    }
    boolean accepted = valid.isEmpty() ? code == 0 : valid.contains(code);
    if (!accepted) {
      throw new ExitException(
          code, "process " + command + " did not complete successfully: " + reason);
    }
  }

  private StepLog log(OpContext context, int stream) {
    Optional<OutputStream> echo =
        settings.echoOutput()
            ? Optional.of(stream == 1 ? System.out : System.err)
            : Optional.empty();
    return new StepLog(context.progress(), stream, LOG_LIMITS, settings.scratch(), echo);
  }

  private ProcessSpec spec(OpContext context, ExecMounts mounts, SessionGroup sessions)
      throws Exception {
    Meta meta = message.getMeta();
    return new ProcessSpec(
        mounts.root(),
        mounts.isReadOnlyRoot(),
        mounts.mounts(),
        meta.getArgsList(),
        environment(sessions),
        meta.getCwd(),
        meta.getUser(),
        meta.getHostname(),
        meta.getExtraHostsList().stream()
            .map(host -> new ProcessSpec.ExtraHost(host.getHost(), host.getIP()))
            .toList(),
        switch (message.getNetwork()) {
          case HOST -> ProcessSpec.Network.HOST;
          case NONE -> ProcessSpec.Network.NONE;
          default -> ProcessSpec.Network.DEFAULT;
        },
        switch (message.getSecurity()) {
          case INSECURE -> ProcessSpec.Security.INSECURE;
          default -> ProcessSpec.Security.SANDBOX;
        },
        meta.getUlimitList().stream()
            .map(limit -> new ProcessSpec.Ulimit(limit.getName(), limit.getSoft(), limit.getHard()))
            .toList(),
        meta.getCgroupParent(),
        resources.map(r ->
            new ProcessSpec.Resources(
                r.getMemory(),
                r.getMemorySwap(),
                r.getCpuShares(),
                r.getCpuPeriod(),
                r.getCpuQuota(),
                r.getCpusetCpus(),
                r.getCpusetMems())),
        meta.getRemoveMountStubsRecursive(),
        BuildTracing.find(context.memos(), Optional.of(context.vertexDigest())));
  }

  private List<String> environment(SessionGroup sessions) throws Exception {
    List<String> env = new ArrayList<>(message.getMeta().getEnvList());
    ProxyEnv proxy = message.getMeta().getProxyEnv();
    addProxy(env, "http_proxy", proxy.getHttpProxy());
    addProxy(env, "https_proxy", proxy.getHttpsProxy());
    addProxy(env, "ftp_proxy", proxy.getFtpProxy());
    addProxy(env, "no_proxy", proxy.getNoProxy());
    addProxy(env, "all_proxy", proxy.getAllProxy());
    if (env.stream().noneMatch(e -> e.startsWith("PATH="))) {
      env.add("PATH=" + DefaultPath.of(platform));
    }
    for (SecretEnv secret : message.getSecretenvList()) {
      if (secret.getID().isEmpty()) {
        throw BuildException.invalid(
            "secret ID missing for \"" + secret.getName() + "\" environment variable");
      }
      Optional<byte[]> value = Secrets.get(sessions, secret.getID());
      if (value.isEmpty() && !secret.getOptional()) {
        throw BuildException.notFound("secret " + secret.getID() + ": not found");
      }
      env.add(
          secret.getName() + "=" + new String(value.orElse(new byte[0]), StandardCharsets.UTF_8));
    }
    return env;
  }

  private static void addProxy(List<String> env, String name, String value) {
    if (!value.isEmpty()) {
      env.add(name.toUpperCase(Locale.ROOT) + "=" + value);
      env.add(name + "=" + value);
    }
  }

  /** Refuses what needs more than this daemon offers before anything is run. */
  public static void check(ExecOp message) {
    if (message.getCdiDevicesCount() > 0) {
      throw new BuildException(
          Category.UNIMPLEMENTED, "CDI devices are not supported by this daemon yet");
    }
  }
}
