package dev.buildd.solver.remote;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.cache.remote.CacheConfig;
import dev.buildd.cache.remote.ImportedCache;
import dev.buildd.registry.ImageReference;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.Repository;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.session.content.RemoteContent;
import dev.buildd.solver.exporter.Attributes;
import dev.buildd.solver.exporter.LocalExporter;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.llb.LlbBridge.CacheImport;
import dev.buildd.solver.llb.LlbBridge.CacheImports;
import dev.buildd.solver.source.image.ImageOrigin;
import dev.buildd.solver.source.image.LayerPuller;
import dev.buildd.solver.source.image.SessionCredentials;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads caches from registries and from clients' directories: such as were exported there, and such
 * as images carry in their configs. A cache that cannot be read is no failure of the build.
 *
 * <p>Safe for use by many threads.
 */
public final class CacheImporter implements CacheImports {
  private static final int MAX_CONFIG = 1 << 20;
  private static final String DIFF_ID = "containerd.io/uncompressed";
  private static final String DESCRIPTION = "buildkit/description";
  private static final String CREATED_AT = "buildkit/createdat";
  private static final String INLINE = "moby.buildkit.cache.v0";

  private final RegistryClient registries;
  private final LayerPuller puller;
  private final SessionManager sessions;

  public CacheImporter(RegistryClient registries, LayerPuller puller, SessionManager sessions) {
    this.registries = registries;
    this.puller = puller;
    this.sessions = sessions;
  }

  @Override
  public Optional<CacheSource> open(CacheImport wanted, Job job) throws InterruptedException {
    String name = wanted.attributes().getOrDefault("ref", wanted.type());
    VertexProgress progress =
        job.vertex(
            Digest.of(job.id() + "-import-" + wanted.type() + name),
            "importing cache manifest from " + name);
    progress.started();
    try {
      CacheSource out =
          switch (wanted.type()) {
            case "registry" -> registry(wanted, job);
            case "local" -> local(wanted, job);
            case "gha", "s3", "azblob" ->
                throw new BuildException(
                    Category.UNIMPLEMENTED,
                    "cache imports of type "
                        + wanted.type()
                        + " are not supported by this daemon yet");
            default -> throw BuildException.invalid("unknown cache importer: " + wanted.type());
          };
      progress.completed(null);
      return Optional.of(out);
    } catch (InterruptedException e) {
      progress.completed(e);
      throw e;
    } catch (Exception e) {
      progress.completed(e);
      return Optional.empty();
    }
  }

  private CacheSource local(CacheImport wanted, Job job) throws Exception {
    String directory = wanted.attributes().getOrDefault("src", "");
    String digest = wanted.attributes().getOrDefault("digest", "");
    if (directory.isEmpty() || digest.isEmpty()) {
      throw BuildException.invalid("local cache importer requires src and digest");
    }
    RemoteContent store =
        new RemoteContent(
            sessions.await(job.session(), LocalExporter.PATIENCE), "local:" + directory);
    return new Reading(ImageOrigin.of(store, directory), SessionGroup.of(sessions, job.session()))
        .source(Digest.parse(digest));
  }

  private CacheSource registry(CacheImport wanted, Job job) throws Exception {
    boolean insecure =
        Attributes.strictBool(
            "registry.insecure", wanted.attributes().getOrDefault("registry.insecure", "false"));
    SessionGroup clients = SessionGroup.of(sessions, job.session());
    Repository repository =
        registries.open(
            ImageReference.parse(wanted.attributes().getOrDefault("ref", "")),
            new SessionCredentials(clients),
            insecure);
    ImageOrigin origin = insecure ? ImageOrigin.insecure(repository) : ImageOrigin.of(repository);
    return new Reading(origin, clients).source(repository.resolve().digest());
  }

  /** A time as others write it; what is none tells nothing. */
  private static Optional<Instant> time(String text) {
    try {
      return text.isEmpty()
          ? Optional.empty()
          : Optional.of(OffsetDateTime.parse(text).toInstant());
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }

  /** One cache being read. */
  private final class Reading {
    private final ImageOrigin origin;
    private final SessionGroup clients;
    private final Map<Digest, ImportedSource.Layer> layers = new HashMap<>();

    Reading(ImageOrigin origin, SessionGroup clients) {
      this.origin = origin;
      this.clients = clients;
    }

    CacheSource source(Digest root) throws Exception {
      ImageManifest manifest = ImageManifest.parse(origin.manifest(root), "manifest " + root);
      Optional<Descriptor> config =
          manifest.config().filter(c -> c.mediaType().equals(CacheConfig.MEDIA_TYPE));
      List<Descriptor> found = manifest.layers();
      if (manifest.isIndex()) {
        config =
            manifest.manifests().stream()
                .filter(m -> m.mediaType().equals(CacheConfig.MEDIA_TYPE))
                .findFirst();
        found =
            manifest.manifests().stream()
                .filter(m -> !m.mediaType().equals(CacheConfig.MEDIA_TYPE))
                .toList();
      }
      CacheConfig cache;
      if (config.isPresent()) {
        for (Descriptor blob : found) {
          String diffId = blob.annotations().getOrDefault(DIFF_ID, "");
          if (!diffId.isEmpty()) {
            layers.put(
                blob.digest(),
                new ImportedSource.Layer(
                    blob,
                    Digest.parse(diffId),
                    new LayerPuller.History(
                        blob.annotations().getOrDefault(DESCRIPTION, ""),
                        time(blob.annotations().getOrDefault(CREATED_AT, "")))));
          }
        }
        cache = CacheConfig.parse(origin.blob(config.get(), MAX_CONFIG));
      } else {
        cache = inline(root, manifest);
      }
      return new ImportedSource(
          new ImportedCache(root.toString(), cache), layers, puller, origin, clients);
    }

    /** What an image says of itself; of an index, what all its images say. */
    private CacheConfig inline(Digest root, ImageManifest manifest) throws Exception {
      List<CacheConfig> all = new ArrayList<>();
      if (manifest.isIndex()) {
        for (Descriptor one : manifest.manifests()) {
          if (MediaType.isManifest(one.mediaType())) {
            inline(ImageManifest.parse(origin.manifest(one.digest()), "manifest " + one.digest()))
                .ifPresent(all::add);
          }
        }
      } else {
        inline(manifest).ifPresent(all::add);
      }
      if (all.isEmpty()) {
        throw BuildException.notFound("no cache in " + origin.name() + " (" + root + ")");
      }
      return CacheConfig.joined(all);
    }

    private Optional<CacheConfig> inline(ImageManifest image) throws Exception {
      if (image.config().isEmpty() || image.layers().isEmpty()) {
        return Optional.empty();
      }
      byte[] config = origin.blob(image.config().get(), MAX_CONFIG);
      Map<String, Object> json = Json.parseObject(config, "image config");
      List<Digest> diffIds = ImageManifest.diffIds(config, "image config");
      String records = Json.text(json, INLINE);
      if (records.isEmpty() || diffIds.size() != image.layers().size()) {
        return Optional.empty();
      }
      List<LayerPuller.History> histories = histories(json);
      for (int i = 0; i < diffIds.size(); i++) {
        Descriptor layer = image.layers().get(i);
        layers.put(
            layer.digest(),
            new ImportedSource.Layer(
                layer,
                diffIds.get(i),
                i < histories.size()
                    ? histories.get(i)
                    : new LayerPuller.History("", Optional.empty())));
      }
      return Optional.of(
          CacheConfig.parseRecords(
              Base64.getDecoder().decode(records),
              image.layers().stream().map(Descriptor::digest).toList()));
    }

    private static List<LayerPuller.History> histories(Map<String, Object> config) {
      List<LayerPuller.History> out = new ArrayList<>();
      for (Map<String, Object> line : Json.objects(config, "history")) {
        if (!Boolean.TRUE.equals(line.get("empty_layer"))) {
          out.add(
              new LayerPuller.History(
                  Json.text(line, "created_by"), time(Json.text(line, "created"))));
        }
      }
      return out;
    }
  }
}
