package dev.buildd.solver.remote;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.cache.registry.CredentialSource;
import dev.buildd.cache.registry.Reference;
import dev.buildd.cache.registry.RegistryClient;
import dev.buildd.cache.registry.Repository;
import dev.buildd.cache.remote.CacheConfig;
import dev.buildd.cache.remote.ImportedCache;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.exporter.Attributes;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.llb.LlbBridge.CacheImport;
import dev.buildd.solver.llb.LlbBridge.CacheImports;
import dev.buildd.solver.source.image.Bounded;
import dev.buildd.solver.source.image.LayerPuller;
import dev.buildd.solver.source.image.SessionCredentials;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads caches from registries: such as were exported there, and such as images carry in their
 * configs. A cache that cannot be read is no failure of the build.
 *
 * <p>Safe for use by many threads.
 */
public final class RegistryCacheImporter implements CacheImports {
  private static final int MAX_CONFIG = 1 << 20;
  private static final String DIFF_ID = "containerd.io/uncompressed";
  private static final String DESCRIPTION = "buildkit/description";
  private static final String INLINE = "moby.buildkit.cache.v0";

  private final RegistryClient registries;
  private final LayerPuller puller;
  private final SessionManager sessions;

  public RegistryCacheImporter(
      RegistryClient registries, LayerPuller puller, SessionManager sessions) {
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
      if (!wanted.type().equals("registry")) {
        throw new BuildException(
            Category.UNIMPLEMENTED,
            "cache imports of type " + wanted.type() + " are not supported by this daemon yet");
      }
      CacheSource out = read(wanted, job);
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

  private CacheSource read(CacheImport wanted, Job job) throws Exception {
    String insecure = wanted.attributes().getOrDefault("registry.insecure", "false");
    CredentialSource credentials = new SessionCredentials(SessionGroup.of(sessions, job.session()));
    Repository repository =
        registries.open(
            Reference.parse(wanted.attributes().getOrDefault("ref", "")),
            credentials,
            Attributes.strictBool("registry.insecure", insecure));
    Descriptor root = repository.resolve();
    return new Reading(repository).source(root);
  }

  /** One cache being read. */
  private final class Reading {
    private final Repository repository;
    private final Map<Digest, ImportedSource.Layer> layers = new HashMap<>();

    Reading(Repository repository) {
      this.repository = repository;
    }

    CacheSource source(Descriptor root) throws Exception {
      ImageManifest manifest =
          ImageManifest.parse(repository.manifest(root.digest()), "manifest " + root.digest());
      Optional<Descriptor> config =
          manifest.config().filter(c -> c.mediaType().equals(CacheConfig.MEDIA_TYPE));
      List<Descriptor> blobs = manifest.layers();
      if (manifest.isIndex()) {
        config =
            manifest.manifests().stream()
                .filter(m -> m.mediaType().equals(CacheConfig.MEDIA_TYPE))
                .findFirst();
        blobs =
            manifest.manifests().stream()
                .filter(m -> !m.mediaType().equals(CacheConfig.MEDIA_TYPE))
                .toList();
      }
      CacheConfig found;
      if (config.isPresent()) {
        for (Descriptor blob : blobs) {
          String diffId = blob.annotations().getOrDefault(DIFF_ID, "");
          if (!diffId.isEmpty()) {
            layers.put(
                blob.digest(),
                new ImportedSource.Layer(
                    blob, Digest.parse(diffId), blob.annotations().getOrDefault(DESCRIPTION, "")));
          }
        }
        found = CacheConfig.parse(read(config.get()));
      } else {
        found = inline(root, manifest);
      }
      return new ImportedSource(
          new ImportedCache(root.digest().toString(), found),
          layers,
          puller,
          LayerPuller.Origin.of(repository));
    }

    private byte[] read(Descriptor blob) throws Exception {
      if (blob.size() > MAX_CONFIG) {
        throw BuildException.invalid(
            "blob " + blob.digest() + " is too large (" + blob.size() + " > " + MAX_CONFIG + ")");
      }
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      repository.blob(blob, new Bounded(out, blob.size()), n -> {});
      byte[] bytes = out.toByteArray();
      if (!Digest.of(bytes).equals(blob.digest())) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, "unexpected content of blob " + blob.digest());
      }
      return bytes;
    }

    /** What an image says of itself; of an index, what all its images say. */
    private CacheConfig inline(Descriptor root, ImageManifest manifest) throws Exception {
      List<CacheConfig> all = new ArrayList<>();
      if (manifest.isIndex()) {
        for (Descriptor one : manifest.manifests()) {
          if (MediaType.isManifest(one.mediaType())) {
            inline(
                    ImageManifest.parse(
                        repository.manifest(one.digest()), "manifest " + one.digest()))
                .ifPresent(all::add);
          }
        }
      } else {
        inline(manifest).ifPresent(all::add);
      }
      if (all.isEmpty()) {
        throw BuildException.notFound(
            "no cache in " + repository.reference() + " (" + root.digest() + ")");
      }
      return CacheConfig.joined(all);
    }

    private Optional<CacheConfig> inline(ImageManifest image) throws Exception {
      if (image.config().isEmpty() || image.layers().isEmpty()) {
        return Optional.empty();
      }
      byte[] config = read(image.config().get());
      Map<String, Object> json = Json.parseObject(config, "image config");
      List<Digest> diffIds = ImageManifest.diffIds(config, "image config");
      String records = Json.text(json, INLINE);
      if (records.isEmpty() || diffIds.size() != image.layers().size()) {
        return Optional.empty();
      }
      List<String> descriptions = descriptions(json);
      for (int i = 0; i < diffIds.size(); i++) {
        Descriptor layer = image.layers().get(i);
        layers.put(
            layer.digest(),
            new ImportedSource.Layer(
                layer, diffIds.get(i), i < descriptions.size() ? descriptions.get(i) : ""));
      }
      return Optional.of(
          CacheConfig.parseRecords(
              Base64.getDecoder().decode(records),
              image.layers().stream().map(Descriptor::digest).toList()));
    }

    private static List<String> descriptions(Map<String, Object> config) {
      List<String> out = new ArrayList<>();
      for (Map<String, Object> line : Json.objects(config, "history")) {
        if (!Boolean.TRUE.equals(line.get("empty_layer"))) {
          out.add(Json.text(line, "created_by"));
        }
      }
      return out;
    }
  }
}
