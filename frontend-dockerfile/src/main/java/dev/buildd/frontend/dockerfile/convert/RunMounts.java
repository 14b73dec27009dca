package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.pattern.GoPath;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.instruction.Mount;
import dev.buildd.frontend.dockerfile.instruction.Run;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MountOption;
import dev.buildd.llb.RunOption;
import dev.buildd.llb.SecretOption;
import dev.buildd.llb.SshOption;
import dev.buildd.llb.State;
import java.util.ArrayList;
import java.util.List;

/** The mounts of a RUN (section 3.4). */
final class RunMounts {
  private static final String CACHE = "/cache";
  private static final long CACHE_MODE = 0755;
  private static final long SECRET_MODE = 0400;
  private static final long AGENT_MODE = 0600;

  private final BuildStage stage;
  private final Shared shared;

  RunMounts(BuildStage stage, Shared shared) {
    this.stage = stage;
    this.shared = shared;
  }

  /**
   * @param sources of the mounts, each; of no meaning where a mount names none
   */
  List<RunOption> convert(Run run, List<BuildStage> sources) {
    List<RunOption> out = new ArrayList<>();
    Location location = run.origin().location();
    for (int i = 0; i < run.mounts().size(); i++) {
      Mount mount = run.mounts().get(i);
      // a cache begins empty; anything else that names nothing shows the context
      boolean ofContext = mount.from().isEmpty() && mount.type() != Mount.Type.CACHE;
      if (!ofContext && !sources.get(i).done) {
        throw new DockerfileException(
            "cannot mount from stage "
                + GoQuote.of(mount.from().isEmpty() ? BuildStage.SCRATCH : mount.from())
                + " to "
                + GoQuote.of(mount.target())
                + ", stage needs to be defined before current command");
      }
      out.add(
          switch (mount.type()) {
            case SECRET -> secret(mount, location);
            case SSH -> agent(mount, location);
            case BIND, CACHE, TMPFS -> {
              State shown = ofContext ? shared.context() : sources.get(i).state;
              RunOption option = filesystem(mount, shown);
              String used = GoPath.join("/", mount.source());
              if (ofContext) {
                stage.useOfContext(used);
              } else {
                sources.get(i).use(used);
              }
              yield option;
            }
          });
    }
    return out;
  }

  private RunOption filesystem(Mount mount, State shown) {
    List<MountOption> options = new ArrayList<>();
    State source = shown;
    switch (mount.type()) {
      case TMPFS -> {
        source = Llb.scratch();
        options.add(Llb.tmpfs(mount.size()));
      }
      case CACHE -> options.add(cache(mount));
      default -> {}
    }
    if (mount.readOnly()) {
      options.add(Llb.readonly());
    } else if (mount.type() == Mount.Type.BIND
        && shared.caps().contains("exec.mount.bind.readwrite-nooutput")) {
      options.add(Llb.forceNoOutput());
    }
    String target = target(mount);
    String path = GoPath.join("/", mount.source());
    if (!path.equals("/")) {
      options.add(Llb.sourcePath(path));
    } else if (hasOwner(mount)) {
      source = owned(mount, source);
      options.add(Llb.sourcePath(CACHE));
    }
    return Llb.addMount(target, source, options.toArray(MountOption[]::new));
  }

  private String target(Mount mount) {
    String target =
        GoPath.clean(mount.target()).startsWith("/")
            ? mount.target()
            : GoPath.join("/", stage.state.dir(), mount.target());
    if (target.equals("/")) {
      throw new DockerfileException("invalid mount target " + GoQuote.of(target));
    }
    return target;
  }

  private MountOption cache(Mount mount) {
    String id = mount.id().isEmpty() ? GoPath.clean(mount.target()) : mount.id();
    return Llb.asPersistentCacheDir(
        shared.request().options().run().cacheNamespace() + "/" + id,
        switch (mount.sharing()) {
          case "private" -> CacheSharing.PRIVATE;
          case "locked" -> CacheSharing.LOCKED;
          default -> CacheSharing.SHARED;
        });
  }

  private static boolean hasOwner(Mount mount) {
    return mount.uid().isPresent() || mount.gid().isPresent() || mount.mode().isPresent();
  }

  /** The source with a directory for the cache, of the owner that is wanted. */
  private static State owned(Mount mount, State source) {
    return source.file(
        Llb.mkdir(
            CACHE,
            (int) mount.mode().orElse(CACHE_MODE),
            FileAction.Make.DEFAULT.withOwner(
                FileAction.Owner.of((int) mount.uid().orElse(0), (int) mount.gid().orElse(0)))),
        Shared.internal("setting cache mount permissions"));
  }

  private RunOption secret(Mount mount, Location location) {
    String id = mount.source().isEmpty() ? mount.id() : mount.source();
    if (id.isEmpty()) {
      id = GoPath.base(mount.target());
    }
    stage.notes().secret(id, mount.required(), location);
    List<SecretOption> options = new ArrayList<>();
    options.add(Llb.secretId(id));
    if (!mount.required()) {
      options.add(Llb.secretOptional());
    }
    if (hasOwner(mount)) {
      options.add(
          Llb.secretFile(
              (int) mount.uid().orElse(0),
              (int) mount.gid().orElse(0),
              (int) mount.mode().orElse(SECRET_MODE)));
    }
    String target = mount.target();
    if (mount.env().isPresent()) {
      if (target.isEmpty()) {
        target = mount.env().get();
        options.add(Llb.secretAsEnv()); // and no file
      } else {
        options.add(Llb.secretAsEnvName(mount.env().get()));
      }
    } else if (target.isEmpty()) {
      target = "/run/secrets/" + GoPath.base(id);
    }
    return Llb.addSecret(target, options.toArray(SecretOption[]::new));
  }

  private RunOption agent(Mount mount, Location location) {
    if (!mount.source().isEmpty()) {
      throw new DockerfileException("ssh does not support source");
    }
    stage.notes().agent(mount.id().isEmpty() ? "default" : mount.id(), mount.required(), location);
    List<SshOption> options = new ArrayList<>();
    options.add(Llb.sshId(mount.id()));
    options.add(Llb.sshTarget(mount.target()));
    if (!mount.required()) {
      options.add(Llb.sshOptional());
    }
    if (hasOwner(mount)) {
      options.add(
          Llb.sshSocket(
              mount.target(),
              (int) mount.uid().orElse(0),
              (int) mount.gid().orElse(0),
              (int) mount.mode().orElse(AGENT_MODE)));
    }
    return Llb.addSshSocket(options.toArray(SshOption[]::new));
  }
}
