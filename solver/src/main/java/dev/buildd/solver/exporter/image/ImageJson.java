package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Platform;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** OCI documents with their members in the order in which Go programs write them. */
public final class ImageJson {
  private ImageJson() {}

  public static Map<String, Object> descriptor(Descriptor descriptor) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("mediaType", descriptor.mediaType());
    out.put("digest", descriptor.digest().toString());
    out.put("size", descriptor.size());
    if (!descriptor.urls().isEmpty()) {
      out.put("urls", descriptor.urls());
    }
    putAnnotations(out, new TreeMap<>(descriptor.annotations()));
    descriptor.platform().ifPresent(platform -> out.put("platform", platform(platform)));
    return out;
  }

  private static Map<String, Object> platform(Platform platform) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("architecture", platform.architecture());
    out.put("os", platform.os());
    if (!platform.osVersion().isEmpty()) {
      out.put("os.version", platform.osVersion());
    }
    if (!platform.osFeatures().isEmpty()) {
      out.put("os.features", platform.osFeatures());
    }
    if (!platform.variant().isEmpty()) {
      out.put("variant", platform.variant());
    }
    return out;
  }

  public static Map<String, Object> manifest(
      String mediaType,
      Descriptor config,
      List<Descriptor> layers,
      SortedMap<String, String> annotations) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("schemaVersion", 2L);
    out.put("mediaType", mediaType);
    out.put("config", descriptor(config));
    out.put(
        "layers", layers.isEmpty() ? null : layers.stream().map(ImageJson::descriptor).toList());
    putAnnotations(out, annotations);
    return out;
  }

  public static Map<String, Object> index(
      String mediaType, List<Descriptor> manifests, SortedMap<String, String> annotations) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("schemaVersion", 2L);
    out.put("mediaType", mediaType);
    out.put(
        "manifests",
        manifests.isEmpty() ? null : manifests.stream().map(ImageJson::descriptor).toList());
    putAnnotations(out, annotations);
    return out;
  }

  private static void putAnnotations(
      Map<String, Object> to, SortedMap<String, String> annotations) {
    if (!annotations.isEmpty()) {
      to.put("annotations", annotations);
    }
  }
}
