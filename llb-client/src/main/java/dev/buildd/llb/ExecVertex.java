package dev.buildd.llb;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.pb.CacheOpt;
import dev.buildd.proto.pb.ExecOp;
import dev.buildd.proto.pb.HostIP;
import dev.buildd.proto.pb.Input;
import dev.buildd.proto.pb.Meta;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountContentCache;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.SSHOpt;
import dev.buildd.proto.pb.SecretEnv;
import dev.buildd.proto.pb.SecretOpt;
import dev.buildd.proto.pb.TmpfsOpt;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/** A step that runs a command. */
public final class ExecVertex extends StateVertex {
  private static final int NONE = -1;

  /** A filesystem in the command. */
  public static final class MountSpec {
    final String target;
    final Optional<Output> source;
    Optional<Output> output = Optional.empty();
    boolean readonly;
    boolean noOutput;
    boolean tmpfs;
    long tmpfsSize;
    String selector = "";
    String cacheId = "";
    CacheSharing cacheSharing = CacheSharing.SHARED;
    MountContentCache contentCache = MountContentCache.DEFAULT;

    MountSpec(String target, Optional<Output> source) {
      this.target = target;
      this.source = source;
    }

    boolean hasOutput() {
      return !noOutput && !readonly && !tmpfs && cacheId.isEmpty();
    }
  }

  private final RunSpec spec;
  private final List<MountSpec> mounts = new ArrayList<>();

  ExecVertex(RunSpec spec) {
    super(spec.constraints);
    this.spec = spec;
    MountSpec root = new MountSpec("/", spec.state.output());
    root.readonly = spec.readonlyRootFs;
    add(root);
    for (RunSpec.MountRequest mount : spec.mounts) {
      addMount(mount.target(), mount.source().output(), mount.options());
    }
  }

  Optional<Output> root() {
    return mounts.getFirst().output;
  }

  Optional<Output> addMount(String target, Optional<Output> source, List<MountOption> options) {
    MountSpec mount = new MountSpec(target, source);
    options.forEach(option -> option.applyTo(mount));
    add(mount);
    return mount.output;
  }

  private void add(MountSpec mount) {
    mounts.add(mount);
    if (mount.readonly) {
      mount.output = mount.source;
    } else if (mount.tmpfs) {
      mount.output =
          Optional.of(
              Output.unusable(
                  this, "tmpfs mount for " + mount.target + " can't be used as a parent"));
    } else if (mount.noOutput) {
      mount.output =
          Optional.of(
              Output.unusable(
                  this,
                  "mount marked no-output and " + mount.target + " can't be used as a parent"));
    } else {
      mount.output =
          Optional.of(
              new Output(
                  this, () -> indexOf(mount), Optional.empty(), Optional.ofNullable(own.platform)));
    }
  }

  Optional<Output> mountOutput(String target) {
    return mounts.stream()
        .filter(mount -> mount.target.equals(target))
        .findFirst()
        .flatMap(mount -> mount.output);
  }

  private List<MountSpec> sorted() {
    return mounts.stream().sorted(Comparator.comparing(mount -> mount.target)).toList();
  }

  private int indexOf(MountSpec wanted) {
    int index = 0;
    for (MountSpec mount : sorted()) {
      if (!mount.hasOutput()) {
        continue;
      }
      if (mount == wanted) {
        return index;
      }
      index++;
    }
    throw BuildException.invalid("invalid mount: " + wanted.target);
  }

  @Override
  List<Output> inputs() {
    IdentityHashMap<Output, Boolean> seen = new IdentityHashMap<>();
    List<Output> inputs = new ArrayList<>();
    for (MountSpec mount : sorted()) {
      if (mount.source.isPresent() && seen.put(mount.source.get(), true) == null) {
        inputs.add(mount.source.get());
      }
    }
    return inputs;
  }

  @Override
  Written write(Marshaller marshaller) {
    State.Settings settings = spec.state.settings();
    if (settings.args().isEmpty()) {
      throw BuildException.invalid("arguments are required");
    }
    if (settings.dir().isEmpty()) {
      throw BuildException.invalid("working directory is required");
    }
    Constraints additions = new Constraints();
    assignSshTargets();
    ExecOp.Builder exec =
        ExecOp.newBuilder()
            .setMeta(meta(settings, marshaller, additions))
            .setNetwork(settings.network().toProto())
            .setSecurity(settings.security().toProto())
            .addAllCdiDevices(spec.devices);
    additions.platform = own.platform == null ? settings.platform() : own.platform;
    addCaps(settings, additions);
    Constraints all = marshaller.defaults.with(own).with(additions);
    Op.Builder op = all.newOp(marshaller.encoding(), true);
    List<Input> inputs = new ArrayList<>();
    int outputs = 0;
    for (MountSpec mount : sorted()) {
      int input = NONE;
      if (mount.source.isPresent()) {
        if (mount.tmpfs) {
          throw BuildException.invalid("tmpfs mounts must use scratch");
        }
        Input added = marshaller.input(mount.source.get());
        input = inputs.indexOf(added);
        if (input < 0) {
          input = inputs.size();
          inputs.add(added);
        }
      }
      exec.addMounts(toProto(mount, input, mount.hasOutput() ? outputs++ : NONE));
    }
    spec.secrets.forEach(secret -> addSecret(exec, secret));
    spec.ssh.forEach(ssh -> exec.addMounts(toProto(ssh)));
    op.addAllInputs(inputs).setExec(exec);
    return written(marshaller, op.build(), all);
  }

  private void assignSshTargets() {
    for (int i = 0; i < spec.ssh.size(); i++) {
      if (spec.ssh.get(i).target.isEmpty()) {
        spec.ssh.get(i).target = "/run/buildkit/ssh_agent." + i;
      }
    }
  }

  private Meta meta(State.Settings settings, Marshaller marshaller, Constraints additions) {
    boolean today = marshaller.encoding() == Encoding.TODAY;
    SequencedMap<String, String> env = settings.env().toMap();
    if (!spec.ssh.isEmpty()) {
      env.putIfAbsent("SSH_AUTH_SOCK", spec.ssh.getFirst().target);
    }
    if (!today) {
      if (!env.containsKey("PATH")) {
        env.putFirst("PATH", DefaultPath.UNIX);
      }
    } else if (marshaller.options.daemonCaps().isPresent()) {
      if (marshaller.options.daemonCaps().get().contains(Caps.EXEC_SETS_DEFAULT_PATH)) {
        additions.caps.add(Caps.EXEC_SETS_DEFAULT_PATH);
      } else {
        env.putIfAbsent("PATH", DefaultPath.UNIX);
      }
    }
    Meta.Builder meta =
        Meta.newBuilder()
            .addAllArgs(settings.args())
            .setCwd(settings.dir())
            .setUser(settings.user())
            .setHostname(settings.hostname())
            .setCgroupParent(settings.cgroupParent())
            .setRemoveMountStubsRecursive(today)
            .addAllValidExitCodes(settings.validExitCodes())
            .addAllUlimit(settings.ulimits());
    env.forEach((key, value) -> meta.addEnv(key + "=" + value));
    settings
        .extraHosts()
        .forEach(
            host -> meta.addExtraHosts(HostIP.newBuilder().setHost(host.host()).setIP(host.ip())));
    spec.proxy.ifPresent(proxy -> meta.setProxyEnv(proxy.toProto()));
    return meta.build();
  }

  private void addCaps(State.Settings settings, Constraints to) {
    to.caps.add(Caps.EXEC_BASE);
    addIf(to, !settings.validExitCodes().isEmpty(), Caps.EXEC_VALID_EXIT_CODES);
    addIf(to, !settings.ulimits().isEmpty(), Caps.EXEC_ULIMIT);
    addIf(to, own.linuxResources != null, Caps.EXEC_LINUX_RESOURCES);
    addIf(to, settings.network() != NetworkMode.SANDBOX, Caps.EXEC_NETWORK);
    addIf(to, settings.security() == Isolation.INSECURE, Caps.EXEC_SECURITY);
    addIf(to, spec.proxy.isPresent(), Caps.EXEC_PROXY);
    for (MountSpec mount : mounts) {
      addIf(to, !mount.selector.isEmpty(), Caps.EXEC_MOUNT_SELECTOR);
      if (!mount.cacheId.isEmpty()) {
        to.caps.add(Caps.EXEC_MOUNT_CACHE);
        to.caps.add(Caps.EXEC_MOUNT_CACHE_SHARING);
      } else if (mount.tmpfs) {
        to.caps.add(Caps.EXEC_MOUNT_TMPFS);
        addIf(to, mount.tmpfsSize > 0, Caps.EXEC_MOUNT_TMPFS_SIZE);
      } else if (mount.source.isPresent()) {
        to.caps.add(Caps.EXEC_MOUNT_BIND);
      }
      addIf(to, mount.contentCache != MountContentCache.DEFAULT, Caps.EXEC_MOUNT_CONTENT_CACHE);
    }
    addIf(to, !spec.secrets.isEmpty(), Caps.EXEC_MOUNT_SECRET);
    addIf(
        to,
        spec.secrets.stream().anyMatch(secret -> secret.environment.isPresent()),
        Caps.EXEC_SECRET_ENV);
    addIf(to, !spec.ssh.isEmpty(), Caps.EXEC_MOUNT_SSH);
    addIf(to, !spec.devices.isEmpty(), Caps.EXEC_CDI);
  }

  private static void addIf(Constraints to, boolean condition, String cap) {
    if (condition) {
      to.caps.add(cap);
    }
  }

  private static Mount toProto(MountSpec mount, int input, int output) {
    Mount.Builder out =
        Mount.newBuilder()
            .setInput(input)
            .setDest(mount.target)
            .setReadonly(mount.readonly)
            .setOutput(output)
            .setSelector(mount.selector)
            .setContentCache(mount.contentCache);
    if (!mount.cacheId.isEmpty()) {
      out.setMountType(MountType.CACHE)
          .setCacheOpt(
              CacheOpt.newBuilder().setID(mount.cacheId).setSharing(mount.cacheSharing.toProto()));
    }
    if (mount.tmpfs) {
      out.setMountType(MountType.TMPFS).setTmpfsOpt(TmpfsOpt.newBuilder().setSize(mount.tmpfsSize));
    }
    return out.build();
  }

  private static void addSecret(ExecOp.Builder exec, RunSpec.Secret secret) {
    secret.environment.ifPresent(name ->
        exec.addSecretenv(
            SecretEnv.newBuilder().setID(secret.id).setName(name).setOptional(secret.optional)));
    secret.target.ifPresent(target ->
        exec.addMounts(
            Mount.newBuilder()
                .setInput(NONE)
                .setDest(target)
                .setMountType(MountType.SECRET)
                .setSecretOpt(
                    SecretOpt.newBuilder()
                        .setID(secret.id)
                        .setUid(secret.uid)
                        .setGid(secret.gid)
                        .setMode(secret.mode)
                        .setOptional(secret.optional))));
  }

  private static Mount toProto(RunSpec.Ssh ssh) {
    return Mount.newBuilder()
        .setInput(NONE)
        .setDest(ssh.target)
        .setMountType(MountType.SSH)
        .setSSHOpt(
            SSHOpt.newBuilder()
                .setID(ssh.id)
                .setUid(ssh.uid)
                .setGid(ssh.gid)
                .setMode(ssh.mode)
                .setOptional(ssh.optional))
        .build();
  }
}
