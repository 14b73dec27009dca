package dev.buildd.snapshot;

/** A change that is on its way to durable records. */
@FunctionalInterface
public interface Written {
  /** A change that is there already. */
  Written DONE = () -> {};

  /**
   * Returns once the change outlives the process. An interrupt does not shorten the wait; it is
   * kept for the caller.
   *
   * @throws dev.buildd.base.error.BuildException {@code RESOURCE_EXHAUSTED} on a full disk, {@code
   *     INTERNAL} on one that fails; nothing of the change was written then
   */
  void await();
}
