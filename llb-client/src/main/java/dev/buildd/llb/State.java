package dev.buildd.llb;

import dev.buildd.base.content.Platform;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.proto.pb.Ulimit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A filesystem that a build makes, and how commands run in it. Immutable: every method that changes
 * something returns another state.
 */
public sealed class State permits ExecState {
  /** What a command inherits from the state it runs in. */
  record Settings(
      List<String> args,
      Environment env,
      String dir,
      String user,
      String hostname,
      String cgroupParent,
      NetworkMode network,
      Isolation security,
      List<HostIp> extraHosts,
      List<Ulimit> ulimits,
      List<Integer> validExitCodes,
      @Nullable Platform platform) {
    static final Settings NONE =
        new Settings(
            List.of(),
            Environment.EMPTY,
            "/",
            "",
            "",
            "",
            NetworkMode.SANDBOX,
            Isolation.SANDBOX,
            List.of(),
            List.of(),
            List.of(),
            null);

    Settings withArgs(List<String> v) {
      return new Settings(
          List.copyOf(v),
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withEnv(String key, String value) {
      return new Settings(
          args,
          env.with(key, value),
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withDir(String v) {
      return new Settings(
          args,
          env,
          v,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withUser(String v) {
      return new Settings(
          args,
          env,
          dir,
          v,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withHostname(String v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          v,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withCgroupParent(String v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          v,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withNetwork(NetworkMode v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          v,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withSecurity(Isolation v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          v,
          extraHosts,
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withExtraHost(HostIp v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          plus(extraHosts, v),
          ulimits,
          validExitCodes,
          platform);
    }

    Settings withUlimit(Ulimit v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          plus(ulimits, v),
          validExitCodes,
          platform);
    }

    Settings withValidExitCodes(List<Integer> v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          List.copyOf(v),
          platform);
    }

    Settings withPlatform(@Nullable Platform v) {
      return new Settings(
          args,
          env,
          dir,
          user,
          hostname,
          cgroupParent,
          network,
          security,
          extraHosts,
          ulimits,
          validExitCodes,
          v == null ? null : v.normalized());
    }

    private static <T> List<T> plus(List<T> list, T added) {
      List<T> out = new ArrayList<>(list);
      out.add(added);
      return List.copyOf(out);
    }
  }

  /** A name and its address. */
  record HostIp(String host, String ip) {}

  private final Optional<Output> output;
  private final Settings settings;

  State(Optional<Output> output, Settings settings) {
    this.output = output;
    this.settings = settings;
  }

  static State of(Output output) {
    return new State(
        Optional.of(output), Settings.NONE.withPlatform(output.platform().orElse(null)));
  }

  static State scratch() {
    return new State(Optional.empty(), Settings.NONE);
  }

  /** What the definition makes. */
  static State of(Definition definition) {
    return of(definition, new HashMap<>());
  }

  /** The same; steps that are known from another definition are those of that one. */
  static State of(Definition definition, Map<String, DefinitionVertex> known) {
    return DefinitionVertex.read(definition, known).map(State::of).orElseGet(State::scratch);
  }

  Optional<Output> output() {
    return output;
  }

  Settings settings() {
    return settings;
  }

  private State with(Settings changed) {
    return new State(output, changed);
  }

  State withOutput(Optional<Output> other) {
    Optional<Platform> platform = other.flatMap(Output::platform);
    return new State(
        other, platform.isPresent() ? settings.withPlatform(platform.get()) : settings);
  }

  /** Whether this is the empty filesystem. */
  public boolean isScratch() {
    return output.isEmpty();
  }

  /** Runs a command with this as its root filesystem. */
  public ExecState run(RunOption... options) {
    RunSpec spec = new RunSpec(this);
    for (RunOption option : options) {
      option.applyTo(spec);
    }
    ExecVertex exec = new ExecVertex(spec);
    return new ExecState(withOutput(exec.root()), exec);
  }

  /** Changes files without running anything. */
  public State file(FileAction action, ConstraintsOption... options) {
    return withOutput(
        Optional.of(Output.first(new FileVertex(this, action, Constraints.of(options)))));
  }

  /** What stands in the file {@code filename}, or the default, of this filesystem as a build. */
  public State build(String filename, ConstraintsOption... options) {
    Output source =
        output.orElseThrow(() ->
            dev.buildd.base.error.BuildException.invalid(
                "the empty filesystem holds no definition"));
    return withOutput(
        Optional.of(Output.first(new BuildVertex(source, filename, Constraints.of(options)))));
  }

  /** This, once the others are there too. */
  public State requires(String id, State... others) {
    if (others.length == 0 || output.isEmpty()) {
      return this;
    }
    List<Output> all = new ArrayList<>();
    for (State other : others) {
      other.output.ifPresent(all::add);
    }
    return withOutput(
        Optional.of(Output.first(new PassthroughVertex(id, output.get(), all, new Constraints()))));
  }

  public State with(StateOption... options) {
    State state = this;
    for (StateOption option : options) {
      state = option.applyTo(state);
    }
    return state;
  }

  /** Sets a variable of the environment. */
  public State addEnv(String key, String value) {
    return with(settings.withEnv(key, value));
  }

  /** The variables of the environment, in the order in which they were set last. */
  public Map<String, String> env() {
    return Collections.unmodifiableMap(settings.env.toMap());
  }

  public Optional<String> env(String key) {
    return settings.env.get(key);
  }

  /** Changes the working directory; a relative one is taken from the directory so far. */
  public State dir(String dir) {
    return with(settings.withDir(dir.startsWith("/") ? dir : GoPath.join(settings.dir, dir)));
  }

  public String dir() {
    return settings.dir;
  }

  public State args(List<String> args) {
    return with(settings.withArgs(args));
  }

  public List<String> args() {
    return settings.args;
  }

  public State user(String user) {
    return with(settings.withUser(user));
  }

  public State hostname(String hostname) {
    return with(settings.withHostname(hostname));
  }

  public State cgroupParent(String parent) {
    return with(settings.withCgroupParent(parent));
  }

  public State network(NetworkMode mode) {
    return with(settings.withNetwork(mode));
  }

  public State security(Isolation mode) {
    return with(settings.withSecurity(mode));
  }

  public State addExtraHost(String host, String ip) {
    return with(settings.withExtraHost(new HostIp(host, ip)));
  }

  public State addUlimit(String name, long soft, long hard) {
    return with(
        settings.withUlimit(Ulimit.newBuilder().setName(name).setSoft(soft).setHard(hard).build()));
  }

  public State validExitCodes(List<Integer> codes) {
    return with(settings.withValidExitCodes(codes));
  }

  public State platform(Platform platform) {
    return with(settings.withPlatform(platform));
  }

  public Optional<Platform> platform() {
    return Optional.ofNullable(settings.platform);
  }

  /** This filesystem with the other state's settings. */
  public State reset(State other) {
    return new State(output, other.settings);
  }

  /** With the environment, working directory and platform of an image's configuration (JSON). */
  public State withImageConfig(byte[] config) {
    return ImageConfigReader.apply(this, config);
  }

  public Definition marshal(ConstraintsOption... defaults) {
    return marshal(MarshalOptions.defaults(defaults));
  }

  /** Writes down how this filesystem is made. */
  public Definition marshal(MarshalOptions options) {
    return output.map(o -> new Marshaller(options).marshal(o)).orElseGet(Definition::empty);
  }
}
