package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.pattern.GoPath;
import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.instruction.CommandLine;
import dev.buildd.frontend.dockerfile.instruction.Mount;
import dev.buildd.frontend.dockerfile.instruction.Run;
import dev.buildd.frontend.dockerfile.lex.Heredoc;
import dev.buildd.frontend.dockerfile.lex.HeredocWords;
import dev.buildd.frontend.dockerfile.options.RunDefaults;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Isolation;
import dev.buildd.llb.Llb;
import dev.buildd.llb.NetworkMode;
import dev.buildd.llb.RunOption;
import dev.buildd.llb.State;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** RUN (section 3.4). */
final class RunConversion {
  private static final String SCRIPTS = "/dev/pipes/";
  private static final int SCRIPT_MODE = 0755;

  private final BuildStage stage;
  private final Shared shared;
  private final boolean trigger;
  private final List<RunOption> options = new ArrayList<>();

  RunConversion(BuildStage stage, Shared shared, boolean trigger) {
    this.stage = stage;
    this.shared = shared;
    this.trigger = trigger;
  }

  /**
   * @param sources of its mounts, each
   * @return what history tells
   */
  String convert(Run run, List<BuildStage> sources) {
    stage.use("/"); // a command may read anything
    CommandLine command = run.command();
    List<String> args =
        command.shell()
            ? MetadataConversion.inShell(stage.image, shellText(command))
            : command.words();
    options.add(Llb.args(args.toArray(String[]::new)));
    options.add(Shared.command(run.origin().text()));
    options.add(shared.location(run.origin().location()));
    if (stage.ignoresCache) {
      options.add(Llb.ignoreCache());
    }
    shared.proxies().ifPresent(proxies -> options.add(Llb.proxy(proxies)));
    options.addAll(new RunMounts(stage, shared).convert(run, sources));
    addFlags(run);
    options.add(Llb.customName(name(run)));
    addDefaults(shared.request().options().run());
    String history = History.run(stage.declared(), stage.environment, args);
    stage.state = stage.state.run(options.toArray(RunOption[]::new)).root();
    return history;
  }

  /** The text for the shell, with documents. */
  private String shellText(CommandLine command) {
    String text = String.join(" ", command.words());
    if (command.documents().isEmpty()) {
      return text;
    }
    Heredoc document = command.documents().getFirst();
    if (!isDocumentAlone(command)) {
      StringBuilder out = new StringBuilder(text);
      for (Heredoc each : command.documents()) {
        out.append('\n').append(each.content()).append(each.name());
      }
      return out.toString();
    }
    String script = document.chomped();
    if (script.startsWith("#!") && !stage.image.isWindows()) {
      return scriptFile(document.name(), script);
    }
    return script;
  }

  private static boolean isDocumentAlone(CommandLine command) {
    return !command.documents().isEmpty()
        && HeredocWords.ofArgument(String.join(" ", command.words())).isPresent();
  }

  /** Mounts a script that says itself what runs it. */
  private String scriptFile(String name, String script) {
    State file =
        Llb.scratch()
            .file(
                Llb.mkfile(name, SCRIPT_MODE, Texts.encode(script), FileAction.Make.DEFAULT),
                Shared.internal("preparing inline document"));
    options.add(Llb.addMount(SCRIPTS, file, Llb.sourcePath("/"), Llb.readonly()));
    return GoPath.join(SCRIPTS, name);
  }

  private void addFlags(Run run) {
    options.add(
        Llb.security(run.security().equals("insecure") ? Isolation.INSECURE : Isolation.SANDBOX));
    switch (run.network()) {
      case "none" -> options.add(Llb.network(NetworkMode.NONE));
      case "host" -> options.add(Llb.network(NetworkMode.HOST));
      default -> {}
    }
    if (!run.devices().isEmpty() && shared.caps().contains("exec.meta.cdi")) {
      throw new DockerfileException(
          "device feature is only supported in Dockerfile frontend 1.14.0-labs or later");
    }
  }

  private void addDefaults(RunDefaults defaults) {
    if (shared.caps().contains("exec.meta.ulimit")) {
      defaults
          .ulimits()
          .forEach(limit -> options.add(Llb.addUlimit(limit.name(), limit.soft(), limit.hard())));
    }
    defaults.hosts().forEach(host -> options.add(Llb.addExtraHost(host.name(), host.address())));
    if (defaults.sharedMemory() > 0 && shared.caps().contains("exec.mount.tmpfs.size")) {
      options.add(Llb.addMount("/dev/shm", Llb.scratch(), Llb.tmpfs(defaults.sharedMemory())));
    }
    if (!defaults.cgroupParent().isEmpty() && shared.caps().contains("exec.meta.cgroup.parent")) {
      options.add(Llb.cgroupParent(defaults.cgroupParent()));
    }
    if (shared.caps().contains("exec.meta.linux.resources")) {
      options.addAll(defaults.resources().toOptions());
    }
  }

  private String name(Run run) {
    String text = run.origin().text();
    if (isDocumentAlone(run.command())) {
      text += " (" + summary(run.command().documents().getFirst().content()) + ")";
    }
    return shared
        .names()
        .next(
            stage,
            shared.names().runText(text, masked(run, stage.environment)),
            stage.state.platform(),
            stage.environment,
            trigger);
  }

  private static String summary(String document) {
    String text = Texts.trim(document).replace("\r\n", "\n");
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end) + "...";
  }

  /** Variables that hold secrets are shown as such. */
  private static Environment masked(Run run, Environment environment) {
    Map<String, String> secrets = new LinkedHashMap<>();
    for (Mount mount : run.mounts()) {
      if (mount.type() == Mount.Type.SECRET) {
        mount.env().ifPresent(name -> secrets.put(name, "****"));
      }
    }
    if (secrets.isEmpty()) {
      return environment;
    }
    return new Environment() {
      @Override
      public Optional<String> value(String name) {
        return Optional.ofNullable(secrets.get(name)).or(() -> environment.value(name));
      }

      @Override
      public List<String> names() {
        return environment.names();
      }

      @Override
      public void charge(int characters) {
        environment.charge(characters);
      }
    };
  }
}
