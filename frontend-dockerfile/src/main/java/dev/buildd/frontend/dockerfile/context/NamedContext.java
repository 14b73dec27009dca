package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.frontend.dockerfile.image.ImageConfigJson;
import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageName;
import dev.buildd.llb.ImageOption;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.OciLayoutOption;
import dev.buildd.llb.State;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A filesystem given for a name; found out what it is when it is needed (section 5.4). */
public final class NamedContext {
  private static final int MAX_REDIRECTIONS = 10;
  private static final String CONFIG = "containerimage.config";
  private static final Pattern LAYOUT =
      Pattern.compile("([^@]*?)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@([^@]+:[0-9a-f]+))?");

  /** What it is looked up with. */
  record Environment(FrontendOptions options, GatewayClient client, Images images) {}

  /**
   * What is given for which name.
   *
   * @param name without the platform
   * @param fullName with the platform, if it is given for one
   */
  record Subject(String name, String fullName, String value) {}

  /**
   * A filesystem.
   *
   * @param config of the image that it is, if it is one
   */
  public record Loaded(State state, Optional<ImageConfig> config) {}

  private final Environment environment;
  private final Subject subject;
  private final Optional<Platform> platform;
  private final Supplier<List<String>> usedPaths;

  NamedContext(
      Environment environment,
      Subject subject,
      Optional<Platform> platform,
      Supplier<List<String>> usedPaths) {
    this.environment = environment;
    this.subject = subject;
    this.platform = platform;
    this.usedPaths = usedPaths;
  }

  /** Finds out what it is. */
  public Loaded load() throws InterruptedException {
    String value = subject.value;
    for (int i = 0; i <= MAX_REDIRECTIONS; i++) {
      int colon = value.indexOf(':');
      if (colon < 0) {
        throw new DockerfileException(
            "invalid context specifier " + value + " for " + subject.fullName);
      }
      String scheme = value.startsWith("git@") ? "git" : value.substring(0, colon);
      String rest = value.substring(colon + 1);
      if (!scheme.equals("docker-image")) {
        return load(scheme, rest, value);
      }
      String reference = rest.startsWith("//") ? rest.substring(2) : rest;
      if (reference.equals("scratch")) {
        return new Loaded(Llb.scratch(), Optional.empty());
      }
      switch (find(reference)) {
        case Images.Found.Image image -> {
          return image(reference, image);
        }
        case Images.Found.Other other -> value = redirected(other.identifier());
      }
    }
    throw new DockerfileException(
        "context recursion limit exceeded; this may indicate a cycle in the provided source"
            + " policies: "
            + value);
  }

  private static String redirected(String identifier) {
    int scheme = identifier.indexOf("://");
    if (scheme < 0) {
      throw new DockerfileException("could not parse ref: " + identifier);
    }
    return identifier.substring(0, scheme) + ":" + identifier.substring(scheme + 3);
  }

  private Loaded load(String scheme, String rest, String value) throws InterruptedException {
    return switch (scheme) {
      case "git" ->
          new Loaded(
              git(value).orElseThrow(() -> new DockerfileException("invalid git context " + value)),
              Optional.empty());
      case "http", "https" -> new Loaded(git(value).orElseGet(() -> web(value)), Optional.empty());
      case "oci-layout" -> layout(rest.startsWith("//") ? rest.substring(2) : rest);
      case "local" -> new Loaded(local(rest), Optional.empty());
      case "input" -> input(rest);
      default ->
          throw new DockerfileException(
              "unsupported context source " + scheme + " for " + subject.fullName);
    };
  }

  private String who() {
    return "[context " + subject.fullName + "]";
  }

  private Images.Found find(String reference) throws InterruptedException {
    return environment.images.find(
        new ImageRequest(
            name(reference).tagged().toString(),
            platform,
            environment.options.imageResolveMode(),
            who() + " load metadata for " + reference,
            Optional.empty()));
  }

  private static ImageName name(String reference) {
    try {
      return ImageName.parse(reference);
    } catch (BuildException e) {
      throw new DockerfileException(String.valueOf(e.getMessage()), List.of(), e);
    }
  }

  private Loaded image(String reference, Images.Found.Image image) {
    List<ImageOption> options = new ArrayList<>();
    options.add(Llb.customName(who() + " " + reference));
    platform.ifPresent(wanted -> options.add(Llb.platform(wanted)));
    return new Loaded(
        Llb.image(image.reference(), options.toArray(ImageOption[]::new))
            .withImageConfig(image.config()),
        Optional.of(ImageConfigJson.read(image.config()).withoutCreated()));
  }

  private static Optional<State> git(String value) {
    return GitReference.parse(value).map(reference -> MainContext.git(value, reference, List.of()));
  }

  private State web(String value) {
    return Llb.http(value, Llb.filename("context"), Llb.customName(who() + " " + value));
  }

  private Loaded layout(String text) throws InterruptedException {
    Matcher matcher = LAYOUT.matcher(text);
    String quoted = "oci-layout reference " + GoQuote.of(text);
    if (!matcher.matches() || text.isEmpty()) {
      throw new DockerfileException("could not parse " + quoted + ": invalid reference format");
    }
    String store = matcher.group(1);
    if (store.isEmpty()) {
      throw new DockerfileException(quoted + " has no name");
    }
    String digest = matcher.group(3);
    if (digest == null) {
      throw new DockerfileException(quoted + " has no digest");
    }
    // the store's key need not mean anything to users, so the context's name is shown
    String shown = name(subject.name).withDigest(digest).toString();
    String session = environment.client.sessionId();
    Images.Found found =
        environment.images.find(
            new ImageRequest(
                shown,
                platform,
                dev.buildd.llb.ResolveMode.DEFAULT,
                who() + " load metadata for " + shown,
                Optional.of(new ImageRequest.Layout(session, store))));
    return switch (found) {
      case Images.Found.Image image -> {
        List<OciLayoutOption> options = new ArrayList<>();
        options.add(Llb.customName(who() + " OCI load from client"));
        options.add(Llb.ociStore(session, store));
        platform.ifPresent(wanted -> options.add(Llb.platform(wanted)));
        yield new Loaded(
            Llb.ociLayout(shown, options.toArray(OciLayoutOption[]::new))
                .withImageConfig(image.config()),
            Optional.of(ImageConfigJson.read(image.config())));
      }
      case Images.Found.Other other ->
          throw new DockerfileException(quoted + " became " + other.identifier());
    };
  }

  private State local(String local) throws InterruptedException {
    String session = environment.options.sessionOf(local, environment.client.sessionId());
    String hint = "context:" + subject.fullName;
    Reference files =
        Sources.solve(
            environment.client,
            Sources.ignoreFile(local, session, hint, who())
                .marshal(MarshalOptions.forDaemon(environment.client.llbCaps())),
            true);
    List<String> excluded =
        IgnoreFile.patterns(
            Sources.read(files, IgnoreFile.NAME).orElseGet(() -> new byte[0]), IgnoreFile.NAME);
    String key = environment.options.get("sharedkey:localdir:" + subject.fullName).orElse("");
    return Llb.deferred(() ->
        Llb.local(
            local,
            Llb.customName(who() + " load from client"),
            Llb.sessionId(session),
            Llb.sharedKeyHint(hint + "-" + key),
            Llb.excludePatterns(excluded),
            Llb.followPaths(usedPaths.get())));
  }

  private Loaded input(String key) throws InterruptedException {
    Optional<Definition> definition = Optional.ofNullable(environment.client.inputs().get(key));
    if (definition.isEmpty()) {
      throw new DockerfileException("invalid input " + key + " for " + subject.fullName);
    }
    State state = Llb.definition(definition.get());
    Optional<byte[]> config =
        environment.options.get("input-metadata:" + key).flatMap(NamedContext::config);
    return config
        .map(json ->
            new Loaded(state.withImageConfig(json), Optional.of(ImageConfigJson.read(json))))
        .orElseGet(() -> new Loaded(state, Optional.empty()));
  }

  private static Optional<byte[]> config(String metadata) {
    try {
      Map<String, Object> members =
          Json.parseObject(metadata.getBytes(StandardCharsets.UTF_8), "input metadata");
      String encoded = Json.text(members, CONFIG);
      return encoded.isEmpty()
          ? Optional.empty()
          : Optional.of(Base64.getDecoder().decode(encoded));
    } catch (BuildException | IllegalArgumentException e) {
      throw new DockerfileException(
          "failed to parse input metadata " + metadata + ": " + e.getMessage(), List.of(), e);
    }
  }
}
