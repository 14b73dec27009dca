package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.registry.ImageReference;
import dev.buildd.session.Session;
import dev.buildd.session.content.RemoteContent;
import dev.buildd.session.filesync.FileSend;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.layer.TarEntry;
import dev.buildd.snapshot.layer.TarWriter;
import dev.buildd.solver.exporter.Attributes;
import dev.buildd.solver.exporter.ExportSource;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.exporter.LocalExporter;
import dev.buildd.solver.graph.VertexProgress;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Sends an image to the client as one archive: an OCI image layout, for {@code docker} with the
 * {@code manifest.json} that {@code docker load} reads.
 */
public final class ArchiveExporter implements Exporter {
  private static final int CHUNK = 256 << 10;

  private final ImageWriter writer;
  private final boolean docker;

  private ArchiveExporter(ImageWriter writer, boolean docker) {
    this.writer = writer;
    this.docker = docker;
  }

  public static ArchiveExporter oci(ImageWriter writer) {
    return new ArchiveExporter(writer, false);
  }

  public static ArchiveExporter docker(ImageWriter writer) {
    return new ArchiveExporter(writer, true);
  }

  @Override
  public String type() {
    return docker ? "docker" : "oci";
  }

  @Override
  public Instance resolve(int index, Map<String, String> attributes) {
    ImageOptions.Parsed parsed = ImageOptions.parse(attributes);
    Map<String, String> rest = new LinkedHashMap<>(parsed.rest());
    String tar = rest.remove("tar");
    return new Export(
        index,
        new ImageOptions.Parsed(parsed.options(), rest),
        tar == null || Attributes.bool("tar", tar));
  }

  private final class Export implements Instance {
    private final int index;
    private final ImageOptions.Parsed parsed;
    private final boolean tar;

    Export(int index, ImageOptions.Parsed parsed, boolean tar) {
      this.index = index;
      this.parsed = parsed;
      this.tar = tar;
    }

    @Override
    public String name() {
      return "exporting to " + type() + " image format";
    }

    @Override
    public Map<String, String> export(ExportSource given, Context context) throws Exception {
      if (docker && given.isMap()) {
        throw BuildException.invalid(
            "docker exporter does not currently support exporting manifest lists");
      }
      ExportSource source = given.withMetadata(parsed.metadata());
      ImageOptions options = parsed.options().settled(source, context.compatibility(), type());
      try (ImageWriter.Image image = dated(writer.write(source, options, context), options)) {
        byte[] named = source.metadata("image.name", "");
        List<String> names =
            normalized(
                options.name().equals("*") && named.length > 0
                    ? new String(named, StandardCharsets.UTF_8)
                    : options.name());
        Map<String, String> out = new LinkedHashMap<>(ImageExporter.response(image));
        if (!names.isEmpty()) {
          out.put("image.name", String.join(",", names));
        }
        image.lazy().fetchAll();
        Session client = context.sessions().await(context.session(), LocalExporter.PATIENCE);
        if (!tar) {
          ClientCopy.copy(writer.content(), new RemoteContent(client, "export"), image.root());
          return out;
        }
        try (VertexProgress.Part part = context.progress().part("sending tarball")) {
          FileSend.sendStream(client, index, out, to -> write(image.root(), names, to));
          part.update("", 0, 0);
        }
        return out;
      }
    }

    /** An archive's index says when its image was made. */
    private static ImageWriter.Image dated(ImageWriter.Image image, ImageOptions options) {
      Descriptor root = image.root();
      Map<String, String> annotations = new TreeMap<>(root.annotations());
      annotations.putIfAbsent(
          "org.opencontainers.image.created",
          options
              .epochSeconds()
              .map(Instant::ofEpochSecond)
              .orElseGet(Instant::now)
              .truncatedTo(ChronoUnit.SECONDS)
              .toString());
      return new ImageWriter.Image(
          new Descriptor(
              root.mediaType(),
              root.digest(),
              root.size(),
              root.platform(),
              annotations,
              root.urls()),
          image.config(),
          image.holds(),
          image.lazy());
    }

    private static List<String> normalized(String names) {
      List<String> out = new ArrayList<>();
      for (String name : names.isEmpty() ? new String[0] : names.split(",", -1)) {
        out.add(ImageReference.parse(name).toString());
      }
      return out;
    }
  }

  private void write(Descriptor root, List<String> names, OutputStream to) throws IOException {
    SortedMap<String, Entry> entries = new TreeMap<>();
    entries.put("oci-layout", Entry.of("{\"imageLayoutVersion\":\"1.0.0\"}", 0444));
    List<Descriptor> roots = new ArrayList<>();
    for (String name : names) {
      roots.add(named(root, name));
    }
    entries.put(
        "index.json",
        Entry.of(
            new String(
                Json.bytes(
                    ImageJson.index(
                        MediaType.OCI_INDEX,
                        roots.isEmpty() ? List.of(root) : roots,
                        new TreeMap<>())),
                StandardCharsets.UTF_8),
            0644));
    entries.put("blobs", Entry.DIRECTORY);
    ContentStore content = writer.content();
    collect(content, root, entries);
    if (docker) {
      entries.put(
          "manifest.json",
          Entry.of(
              new String(Json.bytes(dockerManifests(content, root, names)), StandardCharsets.UTF_8),
              0644));
    }
    try (TarWriter tar = new TarWriter(new BufferedOutputStream(to, CHUNK))) {
      for (Map.Entry<String, Entry> entry : entries.entrySet()) {
        tar.add(entry.getValue().toTar(entry.getKey()), entry.getValue().content());
      }
    }
  }

  /** One file of the archive; a negative size means a directory. */
  private record Entry(int mode, long size, TarWriter.Content content) {
    static final Entry DIRECTORY = new Entry(0755, -1, ByteArrayInputStream::nullInputStream);

    static Entry of(String text, int mode) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      return new Entry(mode, bytes.length, () -> new ByteArrayInputStream(bytes));
    }

    TarEntry toTar(String name) {
      return new TarEntry(
          name,
          size < 0 ? TarEntry.Type.DIRECTORY : TarEntry.Type.FILE,
          "",
          Math.max(0, size),
          mode,
          0,
          0,
          0,
          0,
          0,
          Map.of(),
          List.of());
    }
  }

  private static Descriptor named(Descriptor root, String name) {
    Map<String, String> annotations = new TreeMap<>(root.annotations());
    annotations.put("io.containerd.image.name", name);
    annotations.put(
        "org.opencontainers.image.ref.name", ImageReference.parse(name).tag().orElse(name));
    return new Descriptor(
        root.mediaType(), root.digest(), root.size(), root.platform(), annotations, root.urls());
  }

  private static String path(Digest digest) {
    return "blobs/" + digest.algorithm().text() + "/" + digest.hex();
  }

  private static void collect(
      ContentStore content, Descriptor at, SortedMap<String, Entry> entries) {
    Digest digest = at.digest();
    entries.put("blobs/" + digest.algorithm().text(), Entry.DIRECTORY);
    entries.put(path(digest), new Entry(0444, at.size(), () -> content.read(digest, 0)));
    if (MediaType.isIndex(at.mediaType()) || MediaType.isManifest(at.mediaType())) {
      ImageManifest manifest = ImageManifest.parse(content.readAll(digest), "manifest " + digest);
      manifest.manifests().forEach(one -> collect(content, one, entries));
      manifest.config().ifPresent(config -> collect(content, config, entries));
      manifest.layers().stream()
          .filter(layer -> !MediaType.isForeignLayer(layer.mediaType()))
          .forEach(layer -> collect(content, layer, entries));
    }
  }

  private static List<Map<String, Object>> dockerManifests(
      ContentStore content, Descriptor root, List<String> names) {
    ImageManifest manifest =
        ImageManifest.parse(content.readAll(root.digest()), "manifest " + root.digest());
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("Config", path(manifest.config().orElseThrow().digest()));
    out.put(
        "RepoTags",
        names.isEmpty() ? null : names.stream().map(ArchiveExporter::familiar).toList());
    out.put(
        "Layers",
        manifest.layers().isEmpty()
            ? null
            : manifest.layers().stream().map(layer -> path(layer.digest())).toList());
    return List.of(out);
  }

  /** A name as docker shows it: that of its own hub is left out. */
  private static String familiar(String name) {
    return name.replaceFirst("^docker\\.io/(library/(?!.*/))?", "");
  }
}
