package dev.buildd.solver.graph;

import java.util.List;

/** What a vertex does. */
public interface Op {
  /**
   * How the operation is cached: cheap to answer. Roots may have several maps, each costlier than
   * the one before; they are asked for in order until one is the last or has a record.
   */
  CacheMap cacheMap(OpContext context, int index) throws Exception;

  /**
   * Does the work: one result for each output. May block; an interrupt cancels it. The inputs stay
   * the caller's; the results become the caller's.
   */
  List<SharedResult> exec(OpContext context, List<SharedResult> inputs) throws Exception;

  /** Whether the work needs what the inputs stand for, or passes them on as they are. */
  default boolean usesInputs() {
    return true;
  }

  /** Whether it brings what a build begins with, which a dry run needs too. */
  default boolean isSource() {
    return false;
  }

  /**
   * Whether the work counts against the limit of steps at once; false if it solves nested graphs.
   */
  default boolean takesPermit() {
    return true;
  }
}
