package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.GoBool;
import dev.buildd.session.ssh.SshAgent;
import dev.buildd.session.ssh.SshProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The agents, sockets and keys that {@code --ssh} names: {@code ID} for the user's agent, {@code
 * ID=SOCKET} or {@code ID=KEY,KEY}; with {@code raw=true} the socket need be no agent's.
 */
final class SshFlags {
  private static final String DEFAULT = "default";

  private SshFlags() {}

  private record Config(String id, List<String> paths, boolean raw) {
    /** As Go prints a struct. */
    String shown() {
      return "{" + id + " [" + String.join(" ", paths) + "] " + raw + "}";
    }
  }

  /**
   * @param userAgent the socket of the user's agent; empty if there is none
   */
  static SshProvider parse(List<String> flags, String userAgent) throws IOException {
    List<Config> configs = new ArrayList<>();
    for (String flag : flags) {
      configs.add(config(flag)); // all are checked before anything is read
    }
    Map<String, SshAgent> agents = new LinkedHashMap<>();
    for (Config config : configs) {
      String id = config.id().isEmpty() ? DEFAULT : config.id();
      if (agents.containsKey(id)) {
        throw BuildException.invalid("duplicate agent ID \"" + id + "\"");
      }
      agents.put(id, agent(new Config(id, config.paths(), config.raw()), userAgent));
    }
    return new SshProvider(agents);
  }

  private static Config config(String flag) {
    int equals = flag.indexOf('=');
    if (equals < 0) {
      return new Config(flag, List.of(), false);
    }
    String id = flag.substring(0, equals);
    List<String> paths = new ArrayList<>();
    boolean raw = false;
    for (String field : flag.substring(equals + 1).split(",", -1)) {
      if (field.startsWith("raw=")) {
        String value = field.substring("raw=".length());
        raw =
            GoBool.parse(value)
                .orElseThrow(() ->
                    BuildException.invalid(
                        "invalid value for 'raw': "
                            + value
                            + ": strconv.ParseBool: parsing \""
                            + value
                            + "\": invalid syntax"));
      } else {
        paths.add(field);
      }
    }
    if (raw && paths.size() != 1) {
      throw BuildException.invalid(
          "raw mode must supply exactly one socket path for \"" + id + "\"");
    }
    return new Config(id, List.copyOf(paths), raw);
  }

  private static SshAgent agent(Config config, String userAgent) throws IOException {
    List<String> paths = config.paths();
    if (paths.isEmpty() || paths.equals(List.of(""))) {
      if (userAgent.isEmpty()) {
        throw failed(config, "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
      }
      paths = List.of(userAgent);
    }
    try {
      return SshAgent.at(paths.stream().map(Path::of).toList(), config.raw());
    } catch (BuildException e) {
      throw failed(
          config,
          "failed to convert agent config for ID: \"" + config.id() + "\": " + e.getMessage());
    }
  }

  private static BuildException failed(Config config, String why) {
    return BuildException.invalid("failed to convert agent config " + config.shown() + ": " + why);
  }
}
