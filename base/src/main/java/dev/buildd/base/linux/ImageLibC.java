package dev.buildd.base.linux;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.graalvm.nativeimage.PinnedObject;
import org.graalvm.nativeimage.c.function.CFunction;
import org.graalvm.word.PointerBase;
import org.graalvm.word.WordFactory;

/**
 * The C library in a native executable, which is linked with {@code hack/native/c/libc.c}. The JVM
 * never loads this class.
 */
final class ImageLibC implements LibC {
  @CFunction("buildd_function")
  private static native PointerBase find(PointerBase name);

  @CFunction("buildd_call")
  private static native long call(
      PointerBase function, PointerBase errno, long a, long b, long c, long d, long e);

  @Override
  public MemorySegment function(String name) {
    byte[] text = name.getBytes(StandardCharsets.US_ASCII);
    try (PinnedObject pinned = PinnedObject.create(Arrays.copyOf(text, text.length + 1))) {
      long address = find(pinned.addressOfArrayElement(0)).rawValue();
      if (address == 0) {
        throw new IllegalStateException("the C library has no " + name);
      }
      return MemorySegment.ofAddress(address);
    }
  }

  @Override
  public long call(
      MemorySegment function, MemorySegment errno, long a, long b, long c, long d, long e) {
    return call(pointer(function), pointer(errno), a, b, c, d, e);
  }

  private static PointerBase pointer(MemorySegment memory) {
    return WordFactory.pointer(memory.address());
  }
}
