package dev.buildd.base.error;

/** What kind of failure a {@link BuildException} is; each maps to one gRPC status code. */
public enum Category {
  /** The caller asked for something malformed. */
  INVALID_ARGUMENT,
  /** What was asked for does not exist. */
  NOT_FOUND,
  /** What was to be made exists already. */
  ALREADY_EXISTS,
  /** The system is not in a state in which this can be done, for example a lock is held. */
  FAILED_PRECONDITION,
  /** The caller may not do this. */
  PERMISSION_DENIED,
  /** A peer could not be reached; trying again may help. */
  UNAVAILABLE,
  /** This installation does not offer what was asked for. */
  UNIMPLEMENTED,
  /** A limit was reached: disk, memory, message size. */
  RESOURCE_EXHAUSTED,
  /** The work was cancelled by whoever asked for it. */
  CANCELED,
  /** Something failed that has no better name; the text says what. */
  UNKNOWN,
  /** A defect of ours. */
  INTERNAL
}
