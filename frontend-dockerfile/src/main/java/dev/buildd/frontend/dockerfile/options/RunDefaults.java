package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.text.Csv;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.llb.NetworkMode;
import java.net.InetAddress;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What holds for every RUN (section 5.1).
 *
 * @param sharedMemory bytes of {@code /dev/shm}; zero if nothing is said
 * @param hostname empty if nothing is said
 * @param cgroupParent empty if nothing is said
 * @param cacheNamespace what ids of cache mounts begin with
 */
public record RunDefaults(
    List<Host> hosts,
    long sharedMemory,
    List<Ulimit> ulimits,
    ResourceLimits resources,
    NetworkMode network,
    String hostname,
    String cgroupParent,
    String cacheNamespace) {
  private static final Pattern ADDRESS =
      Pattern.compile("[0-9]+(?:\\.[0-9]+){3}|[0-9a-f:.]*:[0-9a-f:.]*");

  public RunDefaults {
    hosts = List.copyOf(hosts);
    ulimits = List.copyOf(ulimits);
  }

  /** A name and its address. */
  public record Host(String name, String address) {}

  static RunDefaults parse(Map<String, String> options) {
    String hostname = options.getOrDefault("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "");
    return new RunDefaults(
        Wrapped.in(
            "failed to parse additional hosts", () -> hosts(options.getOrDefault("add-hosts", ""))),
        Wrapped.in(
            "failed to parse shm size",
            () -> {
              String size = options.getOrDefault("shm-size", "");
              return size.isEmpty() ? 0L : Numbers.signed(size);
            }),
        Wrapped.in(
            "failed to parse ulimit", () -> Ulimit.parseAll(options.getOrDefault("ulimit", ""))),
        Wrapped.in("failed to parse resource limits", () -> ResourceLimits.parse(options)),
        network(options.getOrDefault("force-network-mode", "")),
        hostname.isEmpty() ? options.getOrDefault("hostname", "") : hostname,
        options.getOrDefault("cgroup-parent", ""),
        options.getOrDefault("build-arg:BUILDKIT_CACHE_MOUNT_NS", ""));
  }

  private static NetworkMode network(String text) {
    return switch (text) {
      case "", "sandbox" -> NetworkMode.SANDBOX;
      case "host" -> NetworkMode.HOST;
      case "none" -> NetworkMode.NONE;
      default -> throw new DockerfileException("invalid netmode " + text);
    };
  }

  private static List<Host> hosts(String text) {
    if (text.isEmpty()) {
      return List.of();
    }
    return Csv.fields(text).stream()
        .map(field -> {
          String pair = field.toLowerCase(Locale.ROOT);
          int equals = pair.indexOf('=');
          if (equals < 0) {
            throw new DockerfileException("invalid key-value pair " + field);
          }
          return new Host(pair.substring(0, equals), address(pair.substring(equals + 1)));
        })
        .toList();
  }

  private static String address(String text) {
    if (!ADDRESS.matcher(text).matches()) {
      throw new DockerfileException("failed to parse IP " + text);
    }
    try {
      return canonical(InetAddress.ofLiteral(text).getAddress());
    } catch (IllegalArgumentException e) {
      throw new DockerfileException("failed to parse IP " + text, List.of(), e);
    }
  }

  /** As RFC 5952 has it: the longest run of zeros, of at least two, is left out. */
  private static String canonical(byte[] address) {
    if (address.length == 4) {
      return (address[0] & 255)
          + "."
          + (address[1] & 255)
          + "."
          + (address[2] & 255)
          + "."
          + (address[3] & 255);
    }
    int[] groups = new int[8];
    for (int i = 0; i < 8; i++) {
      groups[i] = ((address[2 * i] & 255) << 8) | (address[2 * i + 1] & 255);
    }
    int longest = -1;
    int length = 1;
    for (int i = 0; i < 8; i++) {
      int end = i;
      while (end < 8 && groups[end] == 0) {
        end++;
      }
      if (end - i > length) {
        longest = i;
        length = end - i;
      }
      i = Math.max(i, end - 1);
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (i == longest) {
        out.append("::");
        i += length - 1;
        continue;
      }
      if (!out.isEmpty() && out.charAt(out.length() - 1) != ':') {
        out.append(':');
      }
      out.append(Integer.toHexString(groups[i]));
    }
    return out.toString();
  }
}
