package dev.buildd.client;

import dev.buildd.base.error.BuildException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Addresses of daemons that a program reaches, whose standard input and output are the connection:
 * containers' ({@code docker-container://NAME} and others) and other machines' ({@code
 * ssh://USER@HOST}). They are BuildKit's, and so are the commands.
 *
 * <p>What an address names becomes an argument of that program, and with ssh a word of a shell's on
 * the other machine. Nothing in it may be taken for an option or for more words.
 */
final class HelperCommand {
  private static final Pattern CONTAINER = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]*");
  private static final Pattern KUBERNETES = Pattern.compile("[a-z0-9]([-a-z0-9.]*[a-z0-9])?");
  private static final Pattern CONTEXT = Pattern.compile("[^\\p{Cntrl}\\s]+");
  private static final Pattern USER =
      Pattern.compile("[^-\\p{Cntrl}\\s'`\";&<>|(){}][^\\p{Cntrl}\\s'`\";&<>|(){}]*");
  private static final Pattern HOST = Pattern.compile("[a-zA-Z0-9_.:][a-zA-Z0-9_.:%-]*");
  private static final Pattern PORT = Pattern.compile("[0-9]{1,5}");
  private static final Pattern PLAIN_WORD = Pattern.compile("[a-zA-Z0-9_./@%+=:,-]+");

  private final String address;
  private final String user;
  private final String host;
  private final String port;
  private final String path;
  private final Map<String, String> parameters;

  private HelperCommand(String address, String scheme) {
    this.address = address;
    String rest = address.substring(scheme.length() + "://".length());
    if (rest.contains("#")) {
      throw invalid("extra fragment after the host");
    }
    String[] asked = rest.split("\\?", 2);
    String[] place = asked[0].split("/", 2);
    int at = place[0].lastIndexOf('@');
    this.user = decode(at < 0 ? "" : place[0].substring(0, at));
    String hostAndPort = place[0].substring(at + 1);
    int colon = hostAndPort.lastIndexOf(':');
    boolean hasPort = colon > hostAndPort.lastIndexOf(']');
    this.port = hasPort ? hostAndPort.substring(colon + 1) : "";
    String bare = hasPort ? hostAndPort.substring(0, colon) : hostAndPort;
    this.host =
        decode(
            bare.startsWith("[") && bare.endsWith("]")
                ? bare.substring(1, bare.length() - 1)
                : bare);
    this.path = place.length > 1 && !place[1].isEmpty() ? "/" + decode(place[1]) : "";
    this.parameters = new LinkedHashMap<>();
    for (String parameter : asked.length > 1 ? asked[1].split("&") : new String[0]) {
      if (!parameter.isEmpty()) {
        String[] pair = parameter.split("=", 2);
        parameters.put(decode(pair[0]), pair.length > 1 ? decode(pair[1].replace('+', ' ')) : "");
      }
    }
  }

  /**
   * The command that connects to the daemon; empty if the address is of another kind.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if the address names nothing that can be asked
   *     for
   */
  static Optional<List<String>> of(String address) {
    String scheme = address.substring(0, Math.max(0, address.indexOf("://")));
    return switch (scheme) {
      case "docker-container" -> Optional.of(new HelperCommand(address, scheme).docker());
      case "podman-container" -> Optional.of(new HelperCommand(address, scheme).podman());
      case "nerdctl-container" -> Optional.of(new HelperCommand(address, scheme).nerdctl());
      case "kube-pod" -> Optional.of(new HelperCommand(address, scheme).kubectl());
      case "ssh" -> Optional.of(new HelperCommand(address, scheme).ssh());
      default -> Optional.empty();
    };
  }

  private List<String> docker() {
    onlyName("container", CONTAINER, "context");
    List<String> command = new ArrayList<>(List.of("docker"));
    parameter("context", CONTEXT).ifPresent(context -> command.add("--context=" + context));
    return exec(command);
  }

  private List<String> podman() {
    onlyName("container", CONTAINER);
    return exec(new ArrayList<>(List.of("podman")));
  }

  private List<String> exec(List<String> command) {
    command.addAll(List.of("exec", "-i", host, "buildctl", "dial-stdio"));
    return command;
  }

  private List<String> nerdctl() {
    onlyName("container", CONTAINER, "namespace");
    List<String> command = new ArrayList<>(List.of("nerdctl", "exec"));
    parameter("namespace", CONTAINER)
        .ifPresent(namespace -> command.addAll(List.of("--namespace", namespace)));
    command.addAll(List.of("-i", host, "buildctl", "dial-stdio"));
    return command;
  }

  private List<String> kubectl() {
    onlyName("pod", KUBERNETES, "context", "namespace", "container");
    List<String> command = new ArrayList<>(List.of("kubectl"));
    parameter("context", CONTEXT).ifPresent(context -> command.add("--context=" + context));
    parameter("namespace", KUBERNETES).ifPresent(name -> command.add("--namespace=" + name));
    command.add("exec");
    parameter("container", KUBERNETES).ifPresent(name -> command.add("--container=" + name));
    command.addAll(List.of("-i", host, "--", "buildctl", "dial-stdio"));
    return command;
  }

  private List<String> ssh() {
    if (user.contains(":")) {
      throw BuildException.invalid(
          "invalid address of a daemon: plain-text password is not supported; let ssh use a key");
    }
    if (!parameters.isEmpty()) {
      throw invalid("extra query after the host");
    }
    check("host", host, HOST);
    List<String> command = new ArrayList<>(List.of("ssh"));
    if (!user.isEmpty()) {
      check("user", user, USER);
      command.addAll(List.of("-l", user));
    }
    if (!port.isEmpty()) {
      check("port", port, PORT);
      command.addAll(List.of("-p", port));
    }
    command.addAll(List.of("--", host, "buildctl"));
    if (!path.isEmpty()) {
      command.addAll(List.of("--addr", word("unix://" + path)));
    }
    command.add("dial-stdio");
    return command;
  }

  /** What a shell takes for the text and nothing else. */
  private String word(String text) {
    if (text.chars().anyMatch(Character::isISOControl)) {
      throw invalid("the path of the socket has characters that no path of a socket has");
    }
    return PLAIN_WORD.matcher(text).matches() ? text : "'" + text.replace("'", "'\\''") + "'";
  }

  private void onlyName(String kind, Pattern pattern, String... known) {
    if (!user.isEmpty() || !port.isEmpty() || !path.isEmpty()) {
      throw invalid("only the name of a " + kind + " is expected after ://");
    }
    check(kind, host, pattern);
    for (String name : parameters.keySet()) {
      if (!Arrays.asList(known).contains(name)) {
        throw invalid(
            "unknown parameter "
                + name
                + (known.length == 0 ? "" : "; known are " + String.join(", ", known)));
      }
    }
  }

  private Optional<String> parameter(String name, Pattern pattern) {
    String value = parameters.getOrDefault(name, "");
    if (value.isEmpty()) {
      return Optional.empty();
    }
    check(name, value, pattern);
    return Optional.of(value);
  }

  private void check(String kind, String value, Pattern pattern) {
    if (value.isEmpty()) {
      throw invalid("it names no " + kind);
    }
    if (!pattern.matcher(value).matches()) {
      throw invalid("\"" + value + "\" is no name of a " + kind);
    }
  }

  private String decode(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw invalid("what follows a % is no two hexadecimal digits");
    }
  }

  private BuildException invalid(String why) {
    return BuildException.invalid("invalid address " + address + ": " + why);
  }
}
