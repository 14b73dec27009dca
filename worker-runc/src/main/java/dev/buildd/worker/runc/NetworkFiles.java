package dev.buildd.worker.runc;

import dev.buildd.base.error.BuildException;
import dev.buildd.solver.executor.ProcessSpec.ExtraHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The texts of /etc/resolv.conf and /etc/hosts that a step sees. */
final class NetworkFiles {
  private static final Path HOST_FILE = Path.of("/etc/resolv.conf");
  private static final Path SYSTEMD_FILE = Path.of("/run/systemd/resolve/resolv.conf");
  private static final String SYSTEMD_STUB = "127.0.0.53";
  // used where the host names none that a container can reach, as BuildKit and Docker do
  private static final List<String> PUBLIC_NAMESERVERS =
      List.of("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844");

  private NetworkFiles() {}

  static String hosts(String hostname, List<ExtraHost> extra) {
    StringBuilder out = new StringBuilder();
    out.append("127.0.0.1\tlocalhost ").append(hostname).append('\n');
    out.append("::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (ExtraHost host : extra) {
      if ((host.name() + host.address()).chars().anyMatch(Character::isWhitespace)) {
        throw BuildException.invalid("invalid extra host " + host.name());
      }
      out.append(host.address()).append('\t').append(host.name()).append('\n');
    }
    return out.toString();
  }

  /**
   * The host's resolv.conf with the daemon's settings in it.
   *
   * @param hostNetwork whether the step asked for the host's network, where the host's own loopback
   *     resolver answers
   */
  static String resolvConf(RuncSettings.Dns dns, boolean hostNetwork) throws IOException {
    return resolvConf(readHost(hostNetwork), dns, hostNetwork);
  }

  private static List<String> readHost(boolean hostNetwork) throws IOException {
    List<String> lines = lines(HOST_FILE);
    if (!hostNetwork && nameservers(lines).equals(List.of(SYSTEMD_STUB))) {
      return lines(SYSTEMD_FILE);
    }
    return lines;
  }

  private static List<String> lines(Path file) throws IOException {
    try {
      return Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  static String resolvConf(List<String> host, RuncSettings.Dns dns, boolean hostNetwork) {
    List<String> nameservers = dns.nameservers();
    if (nameservers.isEmpty()) {
      nameservers = nameservers(host);
      if (!hostNetwork || nameservers.isEmpty()) {
        nameservers = nameservers.stream().filter(address -> !isLoopback(address)).toList();
        if (nameservers.isEmpty()) {
          nameservers = PUBLIC_NAMESERVERS;
        }
      }
    }
    List<String> search = dns.searchDomains();
    List<String> options = dns.options();
    List<String> other = new ArrayList<>();
    for (String line : host) {
      String[] words = line.trim().split("\\s+");
      List<String> values = List.of(words).subList(1, words.length);
      switch (words[0]) {
        case "nameserver" -> {}
        case "domain", "search" ->
            search = dns.searchDomains().isEmpty() && !values.isEmpty() ? values : search;
        case "options" -> {
          if (dns.options().isEmpty()) {
            List<String> longer = new ArrayList<>(options);
            longer.addAll(values);
            options = longer;
          }
        }
        default -> {
          if (!line.isBlank() && !line.startsWith("#") && !line.startsWith(";")) {
            other.add(line);
          }
        }
      }
    }
    StringBuilder out = new StringBuilder();
    nameservers.forEach(address -> out.append("nameserver ").append(address).append('\n'));
    search =
        search.stream()
            .filter(domain -> dns.searchDomains().isEmpty() || !domain.equals("."))
            .toList();
    if (!search.isEmpty()) {
      out.append("search ").append(String.join(" ", search)).append('\n');
    }
    if (!options.isEmpty()) {
      out.append("options ").append(String.join(" ", options)).append('\n');
    }
    other.forEach(line -> out.append(line).append('\n'));
    return out.toString();
  }

  private static List<String> nameservers(List<String> lines) {
    List<String> out = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.trim().split("\\s+");
      if (words[0].equals("nameserver") && words.length > 1 && !line.startsWith("#")) {
        out.add(words[1]);
      }
    }
    return out;
  }

  private static boolean isLoopback(String address) {
    return address.startsWith("127.") || address.equals("::1");
  }
}
