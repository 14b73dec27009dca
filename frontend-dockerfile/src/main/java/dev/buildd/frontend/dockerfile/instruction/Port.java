package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * One word of EXPOSE, {@code [ip:][host port:]port[-port][/protocol]} (dockerfile.md section 3.3).
 * Address and port of the host must be right, and have no effect. Rules are broken before faults
 * are seen: hence the two steps.
 *
 * @param word all of it
 * @param address empty if none is given
 * @param hostPort empty if none is given
 * @param port one or a range
 * @param protocol as it is written; {@code tcp} if none is given
 */
public record Port(String word, String address, String hostPort, String port, String protocol) {
  private static final int MAX = 65535;
  private static final Pattern NUMBER = Pattern.compile("[+-]?[0-9]+");

  private record Range(int first, int last) {
    boolean isAsLongAs(Range other) {
      return last - first == other.last - other.first;
    }
  }

  /**
   * Splits a word.
   *
   * @throws DockerfileException without a place if there is no port, or no such protocol
   */
  public static Port parse(String word) {
    int colon = word.lastIndexOf(':');
    String container = word.substring(colon + 1);
    String host = colon < 0 ? "" : word.substring(0, colon);
    int slash = container.indexOf('/');
    String port = slash < 0 ? container : container.substring(0, slash);
    String protocol = slash < 0 ? "" : container.substring(slash + 1);
    String invalid = "invalid port: " + GoQuote.of(word) + ": ";
    if (port.isEmpty()) {
      throw new DockerfileException(invalid + "no port specified");
    }
    switch (protocol.toLowerCase(Locale.ROOT)) {
      case "", "tcp", "udp", "sctp" -> {}
      default -> throw new DockerfileException(invalid + "invalid proto: " + protocol);
    }
    int hostColon = host.lastIndexOf(':');
    return new Port(
        word,
        hostColon < 0 ? "" : host.substring(0, hostColon),
        host.substring(hostColon + 1),
        port,
        protocol.isEmpty() ? "tcp" : protocol);
  }

  /** Whether the protocol is in lower case. */
  public boolean isProperCase() {
    return protocol.equals(protocol.toLowerCase(Locale.ROOT));
  }

  /** Whether it says nothing of the host. */
  public boolean isPlain() {
    return address.isEmpty() && hostPort.isEmpty();
  }

  /**
   * {@code 80/tcp}, for each port of the range.
   *
   * @throws DockerfileException without a place if an address or number is wrong
   */
  public List<String> ports() {
    checkAddress();
    Range range = range(port, "invalid containerPort: ");
    if (!hostPort.isEmpty()) {
      Range hostRange = range(hostPort, "invalid hostPort: ");
      if (!range.isAsLongAs(hostRange) && range.first() != range.last()) {
        throw new DockerfileException(
            "invalid ranges specified for container and host Ports: " + port + " and " + hostPort);
      }
    }
    String suffix = "/" + protocol.toLowerCase(Locale.ROOT);
    return IntStream.rangeClosed(range.first(), range.last()).mapToObj(n -> n + suffix).toList();
  }

  private void checkAddress() {
    String plain = address;
    if (address.startsWith("[")) {
      String fault = BracketedAddress.fault(address);
      if (!fault.isEmpty()) {
        throw new DockerfileException("invalid IP address " + address + ": " + fault);
      }
      plain = address.substring(1, address.length() - 1);
    }
    if (!plain.isEmpty() && !IpAddresses.isAddress(plain)) {
      throw new DockerfileException("invalid IP address: " + plain);
    }
  }

  private static Range range(String text, String fault) {
    int dash = text.indexOf('-');
    int first = number(dash < 0 ? text : text.substring(0, dash));
    int last = dash < 0 ? first : number(text.substring(dash + 1));
    if (first < 0 || last < first) {
      throw new DockerfileException(fault + text);
    }
    return new Range(first, last);
  }

  /** Negative if it is no port. */
  private static int number(String text) {
    if (!NUMBER.matcher(text).matches()) {
      return -1;
    }
    try {
      long number = Long.parseLong(text);
      return number > MAX ? -1 : (int) Math.max(number, -1);
    } catch (NumberFormatException e) {
      return -1;
    }
  }
}
