package dev.buildd.base.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The C library through the foreign function interface. One handle is bound for all functions: to
 * bind one costs some milliseconds, of which a program's start would have dozens.
 */
final class ForeignLibC implements LibC {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  // of the state that can be captured, Linux has errno alone: an int at the segment's start
  private static final MethodHandle CALL =
      LINKER.downcallHandle(
          FunctionDescriptor.of(LONG, LONG, LONG, LONG, LONG, LONG),
          Linker.Option.captureCallState("errno"));

  @Override
  public MemorySegment function(String name) {
    return LINKER.defaultLookup().findOrThrow(name);
  }

  @Override
  public long call(
      MemorySegment function, MemorySegment errno, long a, long b, long c, long d, long e) {
    try {
      return (long) CALL.invokeExact(function, errno, a, b, c, d, e);
    } catch (RuntimeException | Error failure) {
      throw failure;
    } catch (Throwable failure) {
      throw new IllegalStateException(failure);
    }
  }
}
