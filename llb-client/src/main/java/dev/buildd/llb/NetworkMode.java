package dev.buildd.llb;

import dev.buildd.proto.pb.NetMode;

/** What network a command has. */
public enum NetworkMode {
  /** One of its own. */
  SANDBOX(NetMode.UNSET),
  /** The machine's. */
  HOST(NetMode.HOST),
  /** Only itself. */
  NONE(NetMode.NONE);

  private final NetMode message;

  NetworkMode(NetMode message) {
    this.message = message;
  }

  NetMode toProto() {
    return message;
  }
}
