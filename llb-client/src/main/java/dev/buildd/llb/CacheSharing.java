package dev.buildd.llb;

import dev.buildd.proto.pb.CacheSharingOpt;

/** How commands that run at once share a cache directory. */
public enum CacheSharing {
  /** All use it. */
  SHARED(CacheSharingOpt.SHARED),
  /** Each has one of its own. */
  PRIVATE(CacheSharingOpt.PRIVATE),
  /** One after the other. */
  LOCKED(CacheSharingOpt.LOCKED);

  private final CacheSharingOpt message;

  CacheSharing(CacheSharingOpt message) {
    this.message = message;
  }

  CacheSharingOpt toProto() {
    return message;
  }
}
