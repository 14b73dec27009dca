package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.session.SessionGroup;
import dev.buildd.solver.exporter.Attributes;
import dev.buildd.solver.exporter.ExportSource;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.source.image.SessionCredentials;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes an image and, if told to, pushes it to registries. */
public final class ImageExporter implements Exporter {
  private final ImageWriter writer;
  private final RegistryClient registries;

  public ImageExporter(ImageWriter writer, RegistryClient registries) {
    this.writer = writer;
    this.registries = registries;
  }

  @Override
  public String type() {
    return "image";
  }

  @Override
  public Instance resolve(int index, Map<String, String> attributes) {
    ImageOptions.Parsed parsed = ImageOptions.parse(attributes);
    Map<String, String> rest = new LinkedHashMap<>(parsed.rest());
    boolean push = flag(rest, "push");
    boolean byDigest = flag(rest, "push-by-digest");
    boolean insecure = flag(rest, "registry.insecure");
    // without an image store of its own this daemon has nowhere to keep a name
    flag(rest, "unpack");
    flag(rest, "store");
    flag(rest, "unsafe-internal-store-allow-incomplete");
    flag(rest, "name-canonical");
    boolean emptyOnly = flag(rest, "danging-name-empty-only");
    if (push && !parsed.options().name().equals("*")) { // wrong ones are refused before the build
      names(parsed.options().name()).forEach(ImageReference::parse);
    }
    String prefix = Optional.ofNullable(rest.remove("dangling-name-prefix")).orElse("");
    return new Export(
        new ImageOptions.Parsed(parsed.options(), rest),
        push,
        byDigest,
        insecure,
        prefix,
        emptyOnly);
  }

  private static List<String> names(String list) {
    return list.isEmpty() ? List.of() : List.of(list.split(",", -1));
  }

  private static boolean flag(Map<String, String> attributes, String name) {
    String value = attributes.remove(name);
    return value != null && Attributes.bool(name, value);
  }

  private final class Export implements Instance {
    private final ImageOptions.Parsed parsed;
    private final boolean push;
    private final boolean byDigest;
    private final boolean insecure;
    private final String danglingPrefix;
    private final boolean danglingIfUnnamed;

    Export(
        ImageOptions.Parsed parsed,
        boolean push,
        boolean byDigest,
        boolean insecure,
        String danglingPrefix,
        boolean danglingIfUnnamed) {
      this.parsed = parsed;
      this.push = push;
      this.byDigest = byDigest;
      this.insecure = insecure;
      this.danglingPrefix = danglingPrefix;
      this.danglingIfUnnamed = danglingIfUnnamed;
    }

    @Override
    public String name() {
      return "exporting to image";
    }

    @Override
    public Map<String, String> export(ExportSource given, Context context) throws Exception {
      ExportSource source = given.withMetadata(parsed.metadata());
      ImageOptions options = parsed.options().settled(source, context.compatibility(), type());
      try (ImageWriter.Image image = writer.write(source, options, context)) {
        Descriptor root = image.root();
        Map<String, String> out = new LinkedHashMap<>();
        String names = names(options.name(), source, root.digest());
        if (!names.isEmpty()) {
          out.put("image.name", names);
        }
        out.putAll(response(image));
        if (push) {
          for (String name : ImageExporter.names(names)) {
            try {
              push(name, image, context);
            } catch (BuildException e) {
              throw new BuildException(
                  e.category(), "failed to push " + name + ": " + e.getMessage(), e);
            }
          }
        }
        return out;
      }
    }

    private String names(String wanted, ExportSource source, Digest digest) {
      byte[] given = source.metadata("image.name", "");
      String names =
          wanted.equals("*") && given.length > 0
              ? new String(given, StandardCharsets.UTF_8)
              : wanted;
      if (danglingPrefix.isEmpty() || (danglingIfUnnamed && !names.isEmpty())) {
        return names;
      }
      String dangling = danglingPrefix + "@" + digest;
      return names.isEmpty() ? dangling : names + "," + dangling;
    }

    private void push(String name, ImageWriter.Image image, Context context) throws Exception {
      Descriptor root = image.root();
      ImageReference reference = ImageReference.parse(name);
      if (byDigest && reference.tag().isPresent() && name.endsWith(":" + reference.tag().get())) {
        throw BuildException.invalid("can't push tagged ref " + name + " by digest");
      }
      RegistryPush.push(
          registries,
          byDigest ? ImageReference.parse(reference.name() + "@" + root.digest()) : reference,
          new SessionCredentials(SessionGroup.of(context.sessions(), context.session())),
          insecure,
          writer.content(),
          writer.blobs(),
          image.lazy(),
          root,
          context.progress());
    }
  }

  /** What the response to a client says of an image. */
  static Map<String, String> response(ImageWriter.Image image) {
    Map<String, String> out = new LinkedHashMap<>();
    out.put("containerimage.digest", image.root().digest().toString());
    image.config().ifPresent(config -> out.put("containerimage.config.digest", config.toString()));
    out.put(
        "containerimage.descriptor",
        Base64.getEncoder().encodeToString(Json.bytes(ImageJson.descriptor(image.root()))));
    return out;
  }
}
