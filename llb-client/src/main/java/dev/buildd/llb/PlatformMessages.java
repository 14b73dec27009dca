package dev.buildd.llb;

import dev.buildd.base.content.Platform;

/** Platforms as LLB and the gateway write them (wire.md section 2). */
public final class PlatformMessages {
  private PlatformMessages() {}

  public static dev.buildd.proto.pb.Platform toProto(Platform platform) {
    return dev.buildd.proto.pb.Platform.newBuilder()
        .setOS(platform.os())
        .setArchitecture(platform.architecture())
        .setVariant(platform.variant())
        .setOSVersion(platform.osVersion())
        .addAllOSFeatures(platform.osFeatures())
        .build();
  }

  public static Platform of(dev.buildd.proto.pb.Platform platform) {
    return new Platform(
        platform.getOS(),
        platform.getArchitecture(),
        platform.getVariant(),
        platform.getOSVersion(),
        platform.getOSFeaturesList());
  }
}
