package dev.buildd.solver.source.image;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.FileTree;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;

/** Debian's docker-registry on a free port of this machine, and images pushed to it by hand. */
final class LocalRegistry implements AutoCloseable {
  private final Process process;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String host;
  private final Path data;

  private LocalRegistry(Process process, String host, Path data) {
    this.process = process;
    this.host = host;
    this.data = data;
  }

  static LocalRegistry start(Path directory) throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    Path config = directory.resolve("config.yml");
    Files.writeString(
        config,
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: %s}}
        http: {addr: "127.0.0.1:%d"}
        """
            .formatted(directory.resolve("data"), port));
    Process process =
        new ProcessBuilder("docker-registry", "serve", config.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("log").toFile())
            .start();
    LocalRegistry registry =
        new LocalRegistry(process, "localhost:" + port, directory.resolve("data"));
    for (int i = 0; ; i++) {
      try {
        registry.send(registry.request("/v2/").GET());
        return registry;
      } catch (IOException e) {
        if (i == 200) {
          throw e;
        }
        Thread.sleep(50);
      }
    }
  }

  String host() {
    return host;
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://" + host + path));
  }

  private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  Digest pushBlob(String repository, byte[] content) throws Exception {
    Digest digest = Digest.of(content);
    HttpResponse<String> begun =
        send(
            request("/v2/" + repository + "/blobs/uploads/")
                .POST(HttpRequest.BodyPublishers.noBody()));
    String location = begun.headers().firstValue("Location").orElseThrow();
    HttpResponse<String> done =
        send(
            HttpRequest.newBuilder(
                    URI.create(
                        location + (location.contains("?") ? "&" : "?") + "digest=" + digest))
                .header("Content-Type", "application/octet-stream")
                .PUT(HttpRequest.BodyPublishers.ofByteArray(content)));
    check(done, 201);
    return digest;
  }

  /** Removes a repository with all that is known of it. */
  void delete(String repository) throws IOException {
    FileTree.delete(data.resolve("docker/registry/v2/repositories").resolve(repository));
  }

  Digest pushManifest(String repository, String tag, String type, Map<String, Object> manifest)
      throws Exception {
    byte[] bytes = Json.bytes(manifest);
    check(
        send(
            request("/v2/" + repository + "/manifests/" + tag)
                .header("Content-Type", type)
                .PUT(HttpRequest.BodyPublishers.ofByteArray(bytes))),
        201);
    return Digest.of(bytes);
  }

  private static void check(HttpResponse<String> response, int status) {
    if (response.statusCode() != status) {
      throw new AssertionError(response + " " + response.body());
    }
  }

  /** Pushes an image whose layers are the given archives, gzipped. */
  Digest pushImage(String repository, String tag, List<byte[]> tars) throws Exception {
    List<Object> layers = new ArrayList<>();
    List<Object> diffIds = new ArrayList<>();
    for (byte[] tar : tars) {
      byte[] blob = gzip(tar);
      Digest digest = pushBlob(repository, blob);
      layers.add(descriptor(MediaType.OCI_LAYER_GZIP, digest, blob.length));
      diffIds.add(Digest.of(tar).toString());
    }
    byte[] config =
        Json.bytes(
            Map.of(
                "os", "linux",
                "architecture", "amd64",
                "rootfs", Map.of("type", "layers", "diff_ids", diffIds)));
    return pushImage(repository, tag, config, layers);
  }

  /** Pushes an image of a config and the descriptors of layers that are there. */
  Digest pushImage(String repository, String tag, byte[] config, List<?> layers) throws Exception {
    Digest digest = pushBlob(repository, config);
    return pushManifest(
        repository,
        tag,
        MediaType.OCI_MANIFEST,
        Map.of(
            "schemaVersion",
            2,
            "mediaType",
            MediaType.OCI_MANIFEST,
            "config",
            descriptor(MediaType.OCI_CONFIG, digest, config.length),
            "layers",
            layers));
  }

  static Map<String, Object> descriptor(String type, Digest digest, long size) {
    return Map.of("mediaType", type, "digest", digest.toString(), "size", size);
  }

  static byte[] gzip(byte[] content) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(content);
    }
    return out.toByteArray();
  }

  /** A tar of a directory's content, made by tar(1). */
  static byte[] tar(Path directory, String... names) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("tar", "--format=pax", "-C", directory.toString(), "-cf", "-"));
    command.addAll(List.of(names));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    byte[] out = process.getInputStream().readAllBytes();
    if (process.waitFor() != 0) {
      throw new AssertionError("tar failed");
    }
    return out;
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
  }
}
