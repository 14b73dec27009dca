package dev.buildd.base.linux;

import java.lang.foreign.MemorySegment;

/**
 * How functions of the C library are reached. One way of calling serves all of them: numbers and
 * addresses are passed as whole registers, of which a function takes as many as it has parameters
 * and as much of each as its type has. That holds for the conventions of x86-64 and AArch64, also
 * for functions of variable arguments such as {@code open} and {@code syscall}.
 */
interface LibC {
  /** Finds a function of the C library; one that it has not is a defect of ours. */
  MemorySegment function(String name);

  /**
   * Calls a function and returns what it does; of one that returns an {@code int} only the lower
   * half is meaningful. Blocks its thread for as long as the function does.
   *
   * @param errno where the function's errno goes, 8 bytes
   */
  long call(MemorySegment function, MemorySegment errno, long a, long b, long c, long d, long e);

  /** The way that this program has. */
  static LibC create() {
    return NativeImage.BUILT ? new ImageLibC() : new ForeignLibC();
  }
}
