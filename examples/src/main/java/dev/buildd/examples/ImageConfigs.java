package dev.buildd.examples;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.ImageName;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Configurations of images, as somebody has written them down: no registry is asked. */
final class ImageConfigs {
  private final Map<String, Map<String, Object>> images = new HashMap<>();

  /**
   * @param json by reference, with or without what may be left out of one, {@code digest} (which
   *     may be absent) and {@code config}, or {@code platforms} with a config by platform
   */
  ImageConfigs(Map<String, Object> json) {
    json.keySet().forEach(name -> images.put(full(name), Json.object(json, name)));
  }

  private static String full(String reference) {
    return ImageName.parse(reference).tagged().toString();
  }

  /**
   * @param platform that of this machine if empty
   */
  ImageMetaResolver.Resolved find(String reference, Optional<Platform> platform) {
    Map<String, Object> image = images.get(full(reference));
    if (image == null) {
      throw BuildException.notFound(
          """
          the config of %1$s is not known; give --image-configs FILE with
            {"%1$s": {"digest": "sha256:...", "config": {...}}}
          (skopeo inspect --config docker://%1$s tells the config)\
          """
              .formatted(reference));
    }
    Map<String, Object> config =
        image.containsKey("platforms")
            ? ofPlatform(reference, image, platform.orElseGet(Platform::host).normalized())
            : Json.object(image, "config");
    if (!config.containsKey("rootfs")) {
      // or the image would count as an empty one
      throw BuildException.invalid("the config of " + reference + " has no rootfs: give all of it");
    }
    return new ImageMetaResolver.Resolved(
        reference, Json.text(image, "digest"), Json.bytes(config));
  }

  private static Map<String, Object> ofPlatform(
      String reference, Map<String, Object> image, Platform platform) {
    Map<String, Object> platforms = Json.object(image, "platforms");
    if (!platforms.containsKey(platform.format())) {
      throw BuildException.notFound(
          "the config of " + reference + " for " + platform.format() + " is not known");
    }
    return Json.object(platforms, platform.format());
  }
}
