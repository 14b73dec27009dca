package dev.buildd.buildctl;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.text.Csv;
import dev.buildd.base.text.GoBool;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.buildctl.progress.Displays;
import dev.buildd.buildctl.progress.Progress;
import dev.buildd.buildctl.progress.StatusJson;
import dev.buildd.buildctl.progress.Terminal;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Definition;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.session.Attachable;
import dev.buildd.session.ClientSession;
import dev.buildd.session.auth.AuthProvider;
import dev.buildd.session.auth.TokenSeeds;
import dev.buildd.session.secrets.SecretsProvider;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Consumer;

/** {@code buildctl build}. */
final class BuildCommand {
  private static final String SYNOPSIS =
      "\n     To build and push an image using Dockerfile:\n"
          + "       $ buildctl build --frontend dockerfile.v0 --opt target=foo --opt"
          + " build-arg:foo=bar --local context=. --local dockerfile=. --output"
          + " type=image,name=docker.io/username/image,push=true\n     ";

  /** What {@code --debug-json-cache-metrics} takes besides names of files. */
  private static final Set<String> STREAMS = Set.of("", "stdout", "stderr");

  private final PrintStream out;
  private final PrintStream err;

  private BuildCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  static Command create(PrintStream out, PrintStream err) {
    BuildCommand command = new BuildCommand(out, err);
    return Command.of("build,b", "build", flags(), command::run).withSynopsis(SYNOPSIS);
  }

  private static List<Flag> flags() {
    return List.of(
        Flag.list(
            "output,o",
            "Define exports for build result, e.g. --output"
                + " type=image,name=docker.io/username/image,push=true"),
        Flag.string(
            "progress",
            "Set type of progress (auto, plain, tty, rawjson). Use plain to show container output",
            "auto"),
        Flag.string("trace", "Path to trace file. Defaults to no tracing.", ""),
        Flag.list("local", "Allow build access to the local directory"),
        Flag.list("oci-layout", "Allow build access to the local OCI layout"),
        Flag.string("frontend", "Define frontend used for build", ""),
        Flag.list(
            "opt",
            "Define custom options for frontend, e.g. --opt target=foo --opt build-arg:foo=bar"),
        Flag.bool("no-cache", "Disable cache for all the vertices"),
        Flag.bool(
            "dry-run",
            "Run no step; print which would run and why. What is outside of steps, such as"
                + " images and files of --local, is looked at"),
        Flag.list(
            "export-cache",
            "Export build cache, e.g. --export-cache type=registry,ref=example.com/foo/bar, or"
                + " --export-cache type=local,dest=path/to/dir"),
        Flag.list(
            "import-cache",
            "Import build cache, e.g. --import-cache type=registry,ref=example.com/foo/bar, or"
                + " --import-cache type=local,src=path/to/dir"),
        Flag.list("secret", "Secret value exposed to the build. Format id=secretname,src=filepath"),
        Flag.list(
            "allow",
            "Allow extra privileged entitlement, e.g. network.host, security.insecure, device"),
        Flag.list(
            "ssh",
            "Allow forwarding SSH agent or a raw Unix socket to the builder. Format"
                + " default|<id>[=<socket>[,raw=false]|<key>[,<key>]]"),
        Flag.string(
            "metadata-file", "Output build metadata (e.g., image digest) to a file as JSON", ""),
        Flag.string("source-policy-file", "Read source policy file from a JSON file", ""),
        Flag.bool("proxy-network", "Run build with proxy network enforcement"),
        Flag.string("ref-file", "Write build ref to a file", ""),
        Flag.list(
            "registry-auth-tlscontext",
            "Overwrite TLS configuration when authenticating with registries, e.g."
                + " --registry-auth-tlscontext"
                + " host=https://myserver:2376,insecure=false,ca=/path/to/my/ca.crt,cert=/path/to/my/cert.crt,key=/path/to/my/key.crt"),
        Flag.string(
            "debug-json-cache-metrics",
            "Where to output json cache metrics, use 'stdout' or 'stderr' for standard (error)"
                + " output.",
            ""),
        // as the first buildctl spelled them
        Flag.string("exporter", "", "").asHidden(),
        Flag.list("exporter-opt", "").asHidden(),
        Flag.list("frontend-opt", "").asHidden(),
        Flag.bool("no-progress", "").asHidden());
  }

  private void run(Invocation flags) throws Exception {
    refuseWhatIsMissing(flags);
    String mode = flags.text("progress");
    if (flags.flag("no-progress")) {
      mode = flags.flag("debug") ? "plain" : "quiet";
    }
    mode = Displays.chosen(mode, System.getenv()); // before anything is read or sent
    if (flags.given("frontend").isEmpty() && isCharacterDevice()) {
      throw BuildException.invalid("please specify --frontend or pipe LLB definition to stdin");
    }
    String ref = ClientSession.newId();
    Optional<String> refFile = flags.given("ref-file");
    if (refFile.isPresent()) {
      Files.writeString(Path.of(refFile.get()), ref);
    }
    SolveOptions options = options(flags, ref).withLocalCachesFound();
    if (flags.flag("dry-run")) {
      options = options.withDryRun();
    }
    Optional<ClientTrace> span =
        ClientTrace.begin("build", Map.of("ref", ref), System.getenv(), err);
    if (span.isPresent()) {
      options = options.withTrace(span.get().context());
    }
    long begun = System.nanoTime();
    String metricsTo = flags.text("debug-json-cache-metrics");
    CacheMetrics metrics = new CacheMetrics();
    if (!STREAMS.contains(metricsTo)) {
      created(metricsTo); // or it fails before the build, not after it
    }
    try (BuildClient client = Connection.open(flags);
        PrintStream trace = openTrace(flags)) {
      Optional<Definition> definition =
          options.frontend().isEmpty() ? Optional.of(readDefinition(flags)) : Optional.empty();
      String failure = "context canceled";
      try {
        build(client, options, definition, mode, new Watchers(trace, metrics), flags);
        failure = "";
      } catch (BuildException e) {
        failure = String.valueOf(e.getMessage());
        throw e;
      } finally { // of a failed build too
        printMetrics(metricsTo, metrics, Duration.ofNanos(System.nanoTime() - begun));
        if (span.isPresent()) {
          span.get().end(client, failure, err);
        }
      }
    }
  }

  /** Who besides the display is told how the build goes. */
  private record Watchers(PrintStream trace, CacheMetrics metrics) {}

  private static void refuseWhatIsMissing(Invocation flags) {
    if (flags.given("source-policy-file").isPresent()) {
      throw BuildException.invalid("--source-policy-file is not supported yet");
    }
    if (flags.flag("proxy-network")) {
      throw BuildException.invalid("--proxy-network is not supported yet");
    }
    for (String entitlement : flags.list("allow")) {
      if (!entitlement.equals("network.host")
          && !entitlement.equals("security.insecure")
          && !entitlement.equals("device")
          && !entitlement.startsWith("device=")) {
        throw BuildException.invalid("unknown entitlement " + entitlement);
      }
    }
  }

  private SolveOptions options(Invocation flags, String ref) throws IOException {
    List<Attachable> attachables = new ArrayList<>();
    attachables.add(registryAuth(flags));
    if (!flags.list("secret").isEmpty()) {
      attachables.add(new SecretsProvider(SecretFiles.parse(flags.list("secret"))));
    }
    if (!flags.list("ssh").isEmpty()) {
      String userAgent = System.getenv().getOrDefault("SSH_AUTH_SOCK", "");
      attachables.add(SshFlags.parse(flags.list("ssh"), userAgent));
    }
    SolveOptions options =
        SolveOptions.defaults()
            .withRef(ref)
            .withExports(OutputFlags.parse(flags).toArray(SolveOptions.Export[]::new))
            .withFrontend(flags.text("frontend"), frontendOptions(flags))
            .withCaches(OutputFlags.cacheExports(flags), OutputFlags.cacheImports(flags))
            .withAttachables(attachables.toArray(Attachable[]::new))
            .withEntitlements(flags.list("allow").toArray(String[]::new));
    for (Map.Entry<String, String> local : pairs("local", flags.list("local")).entrySet()) {
      options = options.withLocalDir(local.getKey(), localDirectory(Path.of(local.getValue())));
    }
    for (Map.Entry<String, Path> layout : layouts(flags.list("oci-layout")).entrySet()) {
      options = options.withOciLayout(layout.getKey(), layout.getValue());
    }
    return options;
  }

  /** Refused, in BuildKit's words, before anything is sent. */
  private static Path localDirectory(Path path) {
    if (Files.isDirectory(path)) {
      return path;
    }
    if (Files.exists(path)) {
      throw BuildException.invalid("invalid local: stat " + path + ": not a directory");
    }
    Path missing = path;
    for (Path above = path.getParent(); above != null; above = above.getParent()) {
      if (!Files.exists(above)) {
        missing = above;
      }
    }
    throw BuildException.invalid(
        "invalid local: resolve : lstat " + missing + ": no such file or directory");
  }

  private static Map<String, Path> layouts(List<String> flags) {
    Map<String, Path> layouts = new LinkedHashMap<>();
    for (String flag : flags) {
      int equals = flag.indexOf('=');
      if (equals < 0) {
        throw BuildException.invalid(
            "invalid oci-layout: oci-layout option must be 'id=path/to/layout', instead had invalid"
                + " "
                + flag);
      }
      Path directory = Path.of(flag.substring(equals + 1));
      if (!Files.isDirectory(directory)) {
        throw BuildException.invalid(
            "invalid oci-layout: oci-layout context at "
                + directory
                + " failed to initialize: not a directory");
      }
      layouts.put(flag.substring(0, equals), directory);
    }
    return layouts;
  }

  private static AuthProvider registryAuth(Invocation flags) {
    Map<String, TlsSettings> tls = RegistryAuthTls.parse(flags.list("registry-auth-tlscontext"));
    DockerConfig config = DockerConfig.standard();
    return GoBool.isTrue(System.getenv().getOrDefault("BUILDKIT_NO_CLIENT_TOKEN", ""))
        ? new AuthProvider(config)
        : new AuthProvider(
            config, new AuthProvider.Tokens(new TokenSeeds(config.directory()), tls));
  }

  private static Map<String, String> frontendOptions(Invocation flags) {
    Map<String, String> attrs = new LinkedHashMap<>();
    String epoch = System.getenv("SOURCE_DATE_EPOCH");
    if (epoch != null) {
      attrs.put("build-arg:SOURCE_DATE_EPOCH", epoch);
    }
    attrs.putAll(pairs("frontend-opt", flags.list("frontend-opt")));
    attrs.putAll(pairs("opt", flags.list("opt")));
    if (flags.flag("no-cache") && flags.given("frontend").isPresent()) {
      attrs.put("no-cache", "");
    }
    if (attrs.containsKey("requestid")) {
      attrs.putIfAbsent("frontend.caps", "moby.buildkit.frontend.subrequests");
    }
    return attrs;
  }

  private static Map<String, String> pairs(String flag, List<String> values) {
    try {
      return Csv.pairs(values);
    } catch (BuildException e) {
      throw BuildException.invalid("invalid " + flag + ": " + e.getMessage());
    }
  }

  private static Definition readDefinition(Invocation flags) throws IOException {
    Definition definition;
    try {
      definition = Definition.readFrom(System.in);
    } catch (BuildException e) {
      throw new BuildException(e.category(), "failed to parse input: " + e.getMessage(), e);
    }
    if (definition.isEmpty()) {
      throw BuildException.invalid("empty definition sent to build. Specify --frontend instead?");
    }
    return flags.flag("no-cache") ? withoutCache(definition) : definition;
  }

  /** Whether nobody pipes anything: a terminal, or what stands in for one. */
  private static boolean isCharacterDevice() {
    try {
      return Linux.stat(Path.of("/proc/self/fd/0")).type() == Stat.S_IFCHR;
    } catch (IOException e) {
      return false;
    }
  }

  private static Definition withoutCache(Definition definition) {
    dev.buildd.proto.pb.Definition.Builder changed = definition.toProto().toBuilder();
    for (ByteString op : definition.ops()) {
      String digest = Digest.of(op.toByteArray()).toString();
      changed.putMetadata(
          digest,
          changed.getMetadataOrDefault(digest, OpMetadata.getDefaultInstance()).toBuilder()
              .setIgnoreCache(true)
              .build());
    }
    return Definition.of(changed.build());
  }

  private PrintStream openTrace(Invocation flags) throws IOException {
    Optional<String> file = flags.given("trace");
    if (file.isEmpty()) {
      return new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    }
    Path path = created(file.get());
    err.println("tracing logs to " + path);
    return new PrintStream(
        Files.newOutputStream(path, StandardOpenOption.APPEND, StandardOpenOption.WRITE),
        false,
        StandardCharsets.UTF_8);
  }

  private void printMetrics(String to, CacheMetrics metrics, Duration taken) throws IOException {
    switch (to) {
      case "" -> {}
      case "stdout" -> metrics.print(out, taken);
      case "stderr" -> metrics.print(err, taken);
      default -> {
        try (PrintStream file =
            new PrintStream(Files.newOutputStream(Path.of(to)), false, StandardCharsets.UTF_8)) {
          metrics.print(file, taken);
        }
      }
    }
  }

  /** A file that nobody else may read. */
  private static Path created(String file) throws IOException {
    Path path = Path.of(file);
    if (!Files.exists(path)) {
      Files.createFile(
          path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }
    return path;
  }

  private void build(
      BuildClient client,
      SolveOptions options,
      Optional<Definition> definition,
      String mode,
      Watchers watchers,
      Invocation flags)
      throws Exception {
    SortedMap<String, byte[]> answers = new ConcurrentSkipListMap<>();
    BuildClient.Outcome outcome;
    try (Progress progress =
        new Progress(Displays.of(mode, err, Terminal.ofStandardError(), System.getenv()))) {
      boolean traced = flags.given("trace").isPresent();
      boolean counted = flags.given("debug-json-cache-metrics").isPresent();
      Consumer<SolveStatus> watcher =
          status -> {
            progress.accept(status);
            if (counted) {
              watchers.metrics.accept(status);
            }
            if (traced) {
              watchers.trace.println(StatusJson.of(status));
            }
          };
      outcome =
          client.build(gateway -> solve(gateway, options, definition, answers), options, watcher);
    }
    outcome.explanation().ifPresent(found -> ExplainCommand.print(found, out));
    Optional<String> metadataFile = flags.given("metadata-file");
    // as BuildKit does, no file if the exporters said nothing
    if (metadataFile.isPresent() && !options.dryRun() && !outcome.exporterResponse().isEmpty()) {
      MetadataFile.write(Path.of(metadataFile.get()), outcome.exporterResponse());
    }
    print(answers);
  }

  /** Lets the daemon do all: this frontend only hands the definition, or a frontend's name, on. */
  private static Result solve(
      GatewayClient gateway,
      SolveOptions options,
      Optional<Definition> definition,
      SortedMap<String, byte[]> answers)
      throws InterruptedException {
    List<CacheEntry> imports = options.cacheImports();
    Result result =
        gateway.solve(
            new GatewayClient.Request(
                definition, options.frontend(), gateway.options(), Map.of(), imports, false));
    if (options.frontendAttrs().containsKey("requestid")) {
      answers.putAll(result.metadata());
    }
    return result;
  }

  private void print(SortedMap<String, byte[]> answers) {
    byte[] text = answers.get("result.txt");
    if (text != null) {
      out.print(new String(text, StandardCharsets.UTF_8));
      return;
    }
    answers.forEach((key, value) -> {
      if (key.startsWith("result.")) {
        out.println(key);
        out.println(new String(value, StandardCharsets.UTF_8));
      }
    });
  }
}
