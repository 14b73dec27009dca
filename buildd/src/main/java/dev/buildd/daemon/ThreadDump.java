package dev.buildd.daemon;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import dev.buildd.base.linux.NativeImage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The stacks of all threads: those of builds are virtual, and named after their work. */
final class ThreadDump {
  private ThreadDump() {}

  /** Text in UTF-8. */
  static byte[] take() throws IOException, ReflectiveOperationException {
    return NativeImage.BUILT ? ofExecutable().getBytes(StandardCharsets.UTF_8) : ofJvm();
  }

  private static byte[] ofJvm() throws IOException {
    Path directory = Files.createTempDirectory("buildd-threads");
    Path dump = directory.resolve("dump"); // which the virtual machine wants to make itself
    try {
      ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
          .dumpThreads(dump.toString(), ThreadDumpFormat.TEXT_PLAIN);
      return Files.readAllBytes(dump);
    } finally {
      Files.deleteIfExists(dump);
      Files.delete(directory);
    }
  }

  /**
   * An executable has no such bean. Virtual threads are known to a class of the JDK's own alone,
   * which executables may use.
   */
  private static String ofExecutable() throws ReflectiveOperationException {
    StringBuilder out = new StringBuilder();
    container(
        Class.forName("jdk.internal.vm.ThreadContainers").getMethod("root").invoke(null), out);
    return out.toString();
  }

  private static void container(Object container, StringBuilder out)
      throws ReflectiveOperationException {
    for (Object member : members(container, "threads")) {
      if (member instanceof Thread thread) {
        out.append('#').append(thread.threadId());
        out.append(" \"").append(thread.getName()).append('"');
        out.append(thread.isVirtual() ? " virtual " : " ").append(thread.getState()).append('\n');
        for (StackTraceElement frame : thread.getStackTrace()) {
          out.append("      ").append(frame).append('\n');
        }
        out.append('\n');
      }
    }
    for (Object child : members(container, "children")) {
      container(child, out);
    }
  }

  private static List<?> members(Object container, String kind)
      throws ReflectiveOperationException {
    Class<?> type = Class.forName("jdk.internal.vm.ThreadContainer");
    try (Stream<?> all = (Stream<?>) type.getMethod(kind).invoke(container)) {
      return all.toList();
    }
  }
}
