package dev.buildd.llb;

import dev.buildd.proto.pb.SecurityMode;

/** How far a command is kept from the machine. */
public enum Isolation {
  /** As far as containers are. */
  SANDBOX(SecurityMode.SANDBOX),
  /** With all privileges; the daemon must allow it. */
  INSECURE(SecurityMode.INSECURE);

  private final SecurityMode message;

  Isolation(SecurityMode message) {
    this.message = message;
  }

  SecurityMode toProto() {
    return message;
  }
}
