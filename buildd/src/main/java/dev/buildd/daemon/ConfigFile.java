package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.daemon.gc.DiskSpace;
import dev.buildd.daemon.gc.GcSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.toml.TomlFactory;

/** Reads {@code buildkitd.toml}. */
final class ConfigFile {
  private static final Pattern DURATION = Pattern.compile("(\\d+(?:\\.\\d+)?)(ms|s|m|h)");

  private final Path path;
  private final List<String> lines;
  private final TomlPlaces places;
  private final JsonNode tree;
  private final List<String> warnings = new ArrayList<>();

  private ConfigFile(Path path, String text, JsonNode tree) {
    this.path = path;
    this.lines = text.lines().toList();
    this.places = new TomlPlaces(lines);
    this.tree = tree;
  }

  /** A configuration and what is to be said of the file it came from. */
  record Loaded(BuilddConfig config, List<String> warnings) {}

  /**
   * Reads the file over the defaults.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if it is not TOML or a value is of a wrong
   *     type; {@code UNIMPLEMENTED} if it asks for a protection that this daemon does not have
   */
  static Loaded load(Path path) throws IOException {
    String text = Files.readString(path);
    try {
      ConfigFile file = new ConfigFile(path, text, tree(text));
      file.check(file.tree, "");
      return new Loaded(file.config(), file.warnings);
    } catch (JacksonException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT,
          "failed to parse "
              + path
              + ": "
              + e.getOriginalMessage()
              + " at line "
              + (e.getLocation() == null ? "?" : e.getLocation().getLineNr()),
          e);
    }
  }

  /** Read without an object mapper, which would load 400 classes at each start. */
  private static JsonNode tree(String text) {
    try (JsonParser in = new TomlFactory().createParser(ObjectReadContext.empty(), text)) {
      in.nextToken();
      return value(in);
    }
  }

  private static JsonNode value(JsonParser in) {
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    return switch (in.currentToken()) {
      case START_OBJECT -> {
        ObjectNode table = nodes.objectNode();
        while (in.nextToken() != JsonToken.END_OBJECT) {
          String name = in.currentName();
          in.nextToken();
          table.set(name, value(in));
        }
        yield table;
      }
      case START_ARRAY -> {
        ArrayNode array = nodes.arrayNode();
        while (in.nextToken() != JsonToken.END_ARRAY) {
          array.add(value(in));
        }
        yield array;
      }
      case VALUE_TRUE, VALUE_FALSE -> nodes.booleanNode(in.getBooleanValue());
      case VALUE_NUMBER_INT -> nodes.numberNode(in.getBigIntegerValue());
      case VALUE_NUMBER_FLOAT -> nodes.numberNode(in.getDoubleValue());
      default -> nodes.stringNode(in.getString());
    };
  }

  // --- keys ---

  private void check(JsonNode table, String prefix) {
    for (Map.Entry<String, JsonNode> entry : table.properties()) {
      JsonNode value = entry.getValue();
      String key = prefix.isEmpty() ? entry.getKey() : prefix + "\0" + entry.getKey();
      if (value.isObject()) {
        check(value, key);
      } else if (value.isArray() && !value.isEmpty() && value.get(0).isObject()) {
        for (JsonNode element : value) {
          check(element, key + "[]");
        }
      } else {
        checkLeaf(key, value);
      }
    }
  }

  private void checkLeaf(String key, JsonNode value) {
    if (ConfigKeys.matches(ConfigKeys.BUILT, key)) {
      return;
    }
    String shown = key.replace('\0', '.');
    String at = path + ":" + places.find(key) + ": ";
    if (asksForSomething(value) && ConfigKeys.matches(ConfigKeys.PROTECTING, key)) {
      throw new BuildException(
          Category.UNIMPLEMENTED,
          at
              + shown
              + " is not supported by this daemon yet, which would be less protected than the file"
              + " asks for: remove the key to start without");
    }
    if (ConfigKeys.matches(ConfigKeys.KNOWN, key)) {
      warnings.add(at + shown + " is not supported by this daemon yet and was ignored");
      return;
    }
    String hint = ConfigKeys.nearest(key).map(near -> ", did you mean " + near + "?").orElse("");
    warnings.add(at + "unknown key " + shown + hint);
  }

  /** Not what switches a thing off. */
  private static boolean asksForSomething(JsonNode value) {
    return !(value.isBoolean() && !value.asBoolean())
        && !(value.isString() && value.asString().isEmpty())
        && !(value.isArray() && value.isEmpty());
  }

  private int line(String name) {
    Pattern assigned = Pattern.compile("(^|[\\s{,])[\"']?" + Pattern.quote(name) + "[\"']?\\s*=");
    for (int i = 0; i < lines.size(); i++) {
      if (assigned.matcher(lines.get(i)).find()) {
        return i + 1;
      }
    }
    return 1;
  }

  // --- values ---

  private BuilddConfig config() {
    BuilddConfig base = BuilddConfig.defaults();
    JsonNode log = tree.path("log");
    String level =
        flag(tree, "trace").orElse(false)
            ? "trace"
            : flag(tree, "debug").orElse(false)
                ? "debug"
                : text(log, "level").orElse(base.log().level());
    if (!Main.LOG_LEVELS.contains(level)) {
      throw wrong("level", "error, warn, info, debug or trace");
    }
    String format = text(log, "format").orElse("text");
    if (!List.of("text", "json", "").contains(format)) {
      throw wrong("format", "text or json");
    }
    JsonNode grpc = tree.path("grpc");
    List<String> addresses = texts(grpc, "address");
    JsonNode history = tree.path("history");
    JsonNode dns = tree.path("dns");
    return new BuilddConfig(
        text(tree, "root").map(Path::of).orElse(base.root()),
        new BuilddConfig.Log(level, format.equals("json")),
        new BuilddConfig.Grpc(
            addresses.isEmpty() ? base.grpc().addresses() : addresses,
            text(grpc, "debugAddress").filter(a -> !a.isEmpty()),
            number(grpc, "uid").map(Long::intValue).orElse(base.grpc().uid()),
            number(grpc, "gid").map(Long::intValue).orElse(base.grpc().gid()),
            tls(grpc.path("tls")),
            duration(grpc, "drainTimeout").orElse(base.grpc().drain())),
        worker(base.worker()),
        new BuilddConfig.Dns(
            texts(dns, "nameservers"), texts(dns, "options"), texts(dns, "searchDomains")),
        new BuilddConfig.HistoryLimits(
            duration(history, "maxAge")
                .map(Duration::toSeconds)
                .orElse(base.history().maxAgeSeconds()),
            number(history, "maxEntries").map(Long::intValue).orElse(base.history().maxEntries())),
        registries(),
        system(base.system()),
        frontends(),
        Set.copyOf(texts(tree, "insecure-entitlements")),
        text(tree.path("otel"), "socketPath").filter(p -> !p.isEmpty()).map(Path::of),
        base.saveCacheDebug());
  }

  private BuilddConfig.Tls tls(JsonNode table) {
    return new BuilddConfig.Tls(
        text(table, "cert").orElse(""),
        text(table, "key").orElse(""),
        text(table, "ca").orElse(""));
  }

  private BuilddConfig.OciWorker worker(BuilddConfig.OciWorker base) {
    JsonNode oci = tree.path("worker").path("oci");
    Map<String, String> labels = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> label : oci.path("labels").properties()) {
      labels.put(label.getKey(), label.getValue().asString());
    }
    return new BuilddConfig.OciWorker(
        flag(oci, "enabled").orElse(true),
        labels,
        texts(oci, "platforms"),
        text(oci, "snapshotter").orElse(base.snapshotter()),
        text(oci, "binary").orElse(base.binary()),
        text(oci, "networkMode").orElse(base.networkMode()),
        text(oci, "cniConfigPath").orElse(base.cniConfigPath()),
        text(oci, "defaultCgroupParent").orElse(base.cgroupParent()),
        text(oci, "apparmor-profile").orElse(base.apparmorProfile()),
        number(oci, "max-parallelism").orElse(0L).intValue(),
        gc(oci));
  }

  private GcSettings gc(JsonNode oci) {
    List<GcSettings.Policy> policies = new ArrayList<>();
    for (JsonNode policy : oci.path("gcpolicy")) {
      List<String> filters = texts(policy, "filters");
      try {
        FieldFilter.parse(filters);
      } catch (BuildException e) {
        throw wrong("filters", "filters such as \"type==source.local\": " + e.getMessage());
      }
      policies.add(
          new GcSettings.Policy(
              flag(policy, "all").orElse(false),
              filters,
              duration(policy, "keepDuration").orElse(Duration.ZERO),
              space(policy, "keepBytes"),
              space(policy, "reservedSpace"),
              space(policy, "maxUsedSpace"),
              space(policy, "minFreeSpace")));
    }
    return new GcSettings(
        flag(oci, "gc").orElse(true),
        space(oci, "gckeepstorage"),
        space(oci, "reservedSpace"),
        space(oci, "maxUsedSpace"),
        space(oci, "minFreeSpace"),
        policies);
  }

  private DiskSpace space(JsonNode table, String name) {
    JsonNode value = table.path(name);
    if (value.isMissingNode()) {
      return DiskSpace.NONE;
    }
    try {
      return DiskSpace.parse(value.isString() ? value.asString() : value.toString());
    } catch (BuildException e) {
      throw wrong(
          name, "bytes, an amount such as \"512MB\", or a part of the disk such as \"20%\"");
    }
  }

  private BuilddConfig.SystemLimits system(BuilddConfig.SystemLimits base) {
    JsonNode system = tree.path("system");
    long limit =
        number(system, "maxRegistryConcurrency").orElse((long) base.maxRegistryConcurrency());
    if (limit < 1 || limit > Integer.MAX_VALUE) {
      throw wrong("maxRegistryConcurrency", "greater than zero");
    }
    return new BuilddConfig.SystemLimits(
        duration(system, "platformsCacheMaxAge").orElse(base.platformsCacheMaxAge()), (int) limit);
  }

  private Map<String, BuilddConfig.FrontendPolicy> frontends() {
    Map<String, BuilddConfig.FrontendPolicy> out = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : tree.path("frontend").properties()) {
      out.put(
          entry.getKey(),
          new BuilddConfig.FrontendPolicy(
              flag(entry.getValue(), "enabled").orElse(true),
              texts(entry.getValue(), "allowedRepositories")));
    }
    return out;
  }

  private Map<String, BuilddConfig.Registry> registries() {
    Map<String, BuilddConfig.Registry> out = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : tree.path("registry").properties()) {
      JsonNode registry = entry.getValue();
      List<BuilddConfig.KeyPair> pairs = new ArrayList<>();
      for (JsonNode pair : registry.path("keypair")) {
        pairs.add(
            new BuilddConfig.KeyPair(text(pair, "key").orElse(""), text(pair, "cert").orElse("")));
      }
      out.put(
          entry.getKey(),
          new BuilddConfig.Registry(
              texts(registry, "mirrors"),
              flag(registry, "http"),
              flag(registry, "insecure").orElse(false),
              texts(registry, "ca"),
              pairs,
              texts(registry, "tlsconfigdir")));
    }
    return out;
  }

  private BuildException wrong(String name, String wanted) {
    return BuildException.invalid(path + ":" + line(name) + ": " + name + " must be " + wanted);
  }

  private Optional<String> text(JsonNode table, String name) {
    JsonNode value = table.path(name);
    if (value.isMissingNode()) {
      return Optional.empty();
    }
    if (!value.isString()) {
      throw wrong(name, "a string");
    }
    return Optional.of(value.asString());
  }

  private Optional<Boolean> flag(JsonNode table, String name) {
    JsonNode value = table.path(name);
    if (value.isMissingNode()) {
      return Optional.empty();
    }
    if (!value.isBoolean()) {
      throw wrong(name, "true or false");
    }
    return Optional.of(value.asBoolean());
  }

  private Optional<Long> number(JsonNode table, String name) {
    JsonNode value = table.path(name);
    if (value.isMissingNode()) {
      return Optional.empty();
    }
    if (!value.isIntegralNumber()) {
      throw wrong(name, "a whole number");
    }
    return Optional.of(value.asLong());
  }

  private List<String> texts(JsonNode table, String name) {
    JsonNode value = table.path(name);
    if (value.isMissingNode()) {
      return List.of();
    }
    Set<String> out = new LinkedHashSet<>();
    if (!value.isArray()) {
      throw wrong(name, "a list of strings");
    }
    for (JsonNode element : value) {
      if (!element.isString()) {
        throw wrong(name, "a list of strings");
      }
      out.add(element.asString());
    }
    return List.copyOf(out);
  }

  /** A whole number of seconds, or text such as {@code 48h}. */
  private Optional<Duration> duration(JsonNode table, String name) {
    JsonNode value = table.path(name);
    if (!value.isString()) {
      return number(table, name).map(Duration::ofSeconds);
    }
    Matcher parts = DURATION.matcher(value.asString());
    double millis = 0;
    int end = 0;
    while (parts.find() && parts.start() == end) {
      double amount = Double.parseDouble(parts.group(1));
      millis +=
          amount
              * switch (parts.group(2)) {
                case "ms" -> 1;
                case "s" -> Duration.ofSeconds(1).toMillis();
                case "m" -> Duration.ofMinutes(1).toMillis();
                default -> Duration.ofHours(1).toMillis();
              };
      end = parts.end();
    }
    if (end == 0 || end != value.asString().length()) {
      throw wrong(name, "seconds or a duration such as \"48h\"");
    }
    return Optional.of(Duration.ofMillis((long) millis));
  }
}
