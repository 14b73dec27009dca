package dev.buildd.trace.otlp;

import dev.buildd.base.error.BuildException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where spans or figures go, as OpenTelemetry's variables of the environment say.
 *
 * @param endpoint with its scheme; for HTTP the very address to post to
 * @param headers sent along with each request
 * @param patience how long one request may take
 * @param resource what is said of this process, {@code service.name} at least
 */
public record OtlpSettings(
    Protocol protocol,
    URI endpoint,
    Map<String, String> headers,
    Duration patience,
    Map<String, String> resource) {
  private static final String PREFIX = "OTEL_EXPORTER_OTLP_";
  private static final String SERVICE = "service.name";

  /** What is sent. */
  public enum Signal {
    TRACES,
    METRICS;

    /** As it stands in paths. */
    String path() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** How it travels. */
  public enum Protocol {
    GRPC,
    HTTP
  }

  public OtlpSettings {
    headers = Map.copyOf(headers);
    resource = Map.copyOf(resource);
  }

  /** With less patience, if that is less. */
  public OtlpSettings withPatience(Duration atMost) {
    Duration shorter = patience.compareTo(atMost) < 0 ? patience : atMost;
    return new OtlpSettings(protocol, endpoint, headers, shorter, resource);
  }

  /**
   * Reads them.
   *
   * @param service what this process is called unless they say otherwise
   * @return empty if it goes nowhere: nothing is asked for, or it is turned off
   * @throws BuildException if what they say cannot be used
   */
  public static Optional<OtlpSettings> of(
      Signal signal, Map<String, String> environment, String service) {
    boolean asked = false;
    for (String name : environment.keySet()) {
      asked |= name.startsWith("OTEL_");
    }
    if (!asked) {
      return Optional.empty(); // without what it takes to read them: a daemon is to start fast
    }
    String choice = "OTEL_" + signal + "_EXPORTER";
    Optional<String> exporter = value(environment, choice);
    boolean off =
        value(environment, "OTEL_SDK_DISABLED").filter("true"::equalsIgnoreCase).isPresent();
    if (off || exporter.filter("none"::equals).isPresent()) {
      return Optional.empty();
    }
    if (exporter.filter(name -> !name.equals("otlp")).isPresent()) {
      throw BuildException.invalid(
          choice
              + " is otlp or none, not "
              + exporter.get()
              + ": "
              + signal.path()
              + " go nowhere else");
    }
    Optional<String> own = value(environment, PREFIX + signal + "_ENDPOINT");
    Optional<String> common = value(environment, PREFIX + "ENDPOINT");
    if (exporter.isEmpty() && own.isEmpty() && common.isEmpty()) {
      return Optional.empty();
    }
    Protocol protocol = protocol(either(signal, environment, "PROTOCOL").orElse("grpc"));
    String endpoint =
        own.orElseGet(() ->
            protocol == Protocol.GRPC
                ? common.orElse("http://localhost:4317")
                : common.orElse("http://localhost:4318").replaceFirst("/$", "")
                    + "/v1/"
                    + signal.path());
    if (!endpoint.contains("://")) {
      boolean plain =
          either(signal, environment, "INSECURE").filter("true"::equalsIgnoreCase).isPresent();
      endpoint = (plain ? "http://" : "https://") + endpoint;
    }
    return Optional.of(
        new OtlpSettings(
            protocol,
            address(endpoint),
            pairs(either(signal, environment, "HEADERS").orElse(""), PREFIX + "HEADERS"),
            millis(PREFIX + "TIMEOUT", either(signal, environment, "TIMEOUT").orElse("10000")),
            resource(environment, service)));
  }

  /**
   * What is to be said of variables that ask for traces in a way that is not there: Jaeger's own
   * protocol, which BuildKit speaks. Jaeger takes OpenTelemetry's as well.
   *
   * @return empty if they do not, or OpenTelemetry's protocol is asked for as well
   */
  public static Optional<String> unheeded(Map<String, String> environment) {
    Optional<String> variable =
        Stream.of(
                "JAEGER_TRACE", "OTEL_EXPORTER_JAEGER_ENDPOINT", "OTEL_EXPORTER_JAEGER_AGENT_HOST")
            .filter(name -> value(environment, name).isPresent())
            .findFirst();
    boolean asked =
        Stream.of("OTEL_TRACES_EXPORTER", PREFIX + "TRACES_ENDPOINT", PREFIX + "ENDPOINT")
            .anyMatch(name -> value(environment, name).isPresent());
    return variable
        .filter(_ -> !asked)
        .map(name ->
            name
                + " asks for Jaeger's own protocol: Jaeger takes OTLP, say "
                + PREFIX
                + "ENDPOINT=http://HOST:4317");
  }

  /** A value that is set and not empty, which the specification says is the same as not set. */
  private static Optional<String> value(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).map(String::strip).filter(v -> !v.isEmpty());
  }

  /** What is said of the signal, else of all that is sent. */
  private static Optional<String> either(
      Signal signal, Map<String, String> environment, String name) {
    return value(environment, PREFIX + signal + "_" + name)
        .or(() -> value(environment, PREFIX + name));
  }

  private static Protocol protocol(String name) {
    return switch (name) {
      case "grpc" -> Protocol.GRPC;
      case "http/protobuf" -> Protocol.HTTP;
      default ->
          throw BuildException.invalid(PREFIX + "PROTOCOL is grpc or http/protobuf, not " + name);
    };
  }

  private static URI address(String endpoint) {
    try {
      URI address = URI.create(endpoint);
      boolean known = Stream.of("http", "https").anyMatch(s -> s.equals(address.getScheme()));
      if (known && address.getHost() != null) {
        return address;
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw BuildException.invalid(
        PREFIX + "ENDPOINT is an address of http:// or https://, not " + endpoint);
  }

  /**
   * How often figures are sent.
   *
   * @throws BuildException if what the variables say of that, or of how figures are told, cannot be
   *     used
   */
  public static Duration metricsInterval(Map<String, String> environment) {
    String temporality = PREFIX + "METRICS_TEMPORALITY_PREFERENCE";
    value(environment, temporality)
        .filter(wanted -> !wanted.equalsIgnoreCase("cumulative"))
        .ifPresent(wanted -> {
          throw BuildException.invalid(
              temporality
                  + " is cumulative, not "
                  + wanted
                  + ": sums are told from the daemon's start, not from one export to the next");
        });
    String variable = "OTEL_METRIC_EXPORT_INTERVAL";
    return millis(variable, value(environment, variable).orElse("60000"));
  }

  private static Duration millis(String variable, String millis) {
    try {
      int number = Integer.parseInt(millis);
      if (number > 0) {
        return Duration.ofMillis(number);
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw BuildException.invalid(variable + " is a number of milliseconds above 0, not " + millis);
  }

  private static Map<String, String> resource(Map<String, String> environment, String service) {
    String variable = "OTEL_RESOURCE_ATTRIBUTES";
    Map<String, String> out =
        new LinkedHashMap<>(pairs(value(environment, variable).orElse(""), variable));
    value(environment, "OTEL_SERVICE_NAME").ifPresent(name -> out.put(SERVICE, name));
    out.putIfAbsent(SERVICE, service);
    return out;
  }

  /** Pairs as in W3C's Baggage: {@code a=b,c=d%20e}. The message says no value: they are secret. */
  private static Map<String, String> pairs(String text, String name) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String pair : text.split(",", -1)) {
      int equals = pair.indexOf('=');
      if (pair.isBlank()) {
        continue;
      }
      if (equals <= 0) {
        throw BuildException.invalid(name + " consists of name=value, separated by commas");
      }
      String value = pair.substring(equals + 1).strip().replace("+", "%2B");
      try {
        out.put(
            pair.substring(0, equals).strip().toLowerCase(Locale.ROOT),
            URLDecoder.decode(value, StandardCharsets.UTF_8));
      } catch (IllegalArgumentException e) {
        throw BuildException.invalid(name + " has a value with a wrong % in it");
      }
    }
    return out;
  }

  /** The port to call. */
  int port() {
    int given = endpoint.getPort();
    if (given >= 0) {
      return given;
    }
    return Objects.equals(endpoint.getScheme(), "https") ? 443 : 80;
  }

  boolean isEncrypted() {
    return "https".equals(endpoint.getScheme());
  }

  /** Without headers, which are secret. */
  @Override
  public String toString() {
    return protocol.name().toLowerCase(Locale.ROOT) + " " + endpoint;
  }
}
