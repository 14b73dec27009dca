package dev.buildd.daemon.metrics;

import com.sun.management.UnixOperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;

/** The daemon's process, under the names that Prometheus' own clients give. */
public final class ProcessMetrics implements Metrics {
  private static final double MILLIS = 1e3;
  private static final double NANOS = 1e9;
  private static final int KIB = 1024;

  @Override
  public void tell(MetricsPage page) {
    if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system) {
      page.counters("process_cpu_seconds_total", "Processor time used.")
          .sample(system.getProcessCpuTime() / NANOS);
      page.gauges("process_open_fds", "Open file descriptors.")
          .sample(system.getOpenFileDescriptorCount());
      page.gauges("process_max_fds", "How many file descriptors may be open.")
          .sample(system.getMaxFileDescriptorCount());
    }
    page.gauges("process_resident_memory_bytes", "Memory of the machine that is used.")
        .sample(residentBytes());
    page.gauges("process_start_time_seconds", "When the process began, since the epoch.")
        .sample(ManagementFactory.getRuntimeMXBean().getStartTime() / MILLIS);
    MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
    MemoryUsage other = ManagementFactory.getMemoryMXBean().getNonHeapMemoryUsage();
    page.gauges("jvm_memory_used_bytes", "Memory that objects, code and classes use.")
        .sample(heap.getUsed(), "area", "heap")
        .sample(other.getUsed(), "area", "nonheap");
    page.gauges("jvm_memory_committed_bytes", "Memory that is had for objects, code and classes.")
        .sample(heap.getCommitted(), "area", "heap")
        .sample(other.getCommitted(), "area", "nonheap");
    page.gauges("jvm_memory_max_bytes", "How much the heap may become; -1 if nothing limits it.")
        .sample(heap.getMax(), "area", "heap");
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    page.gauges("jvm_threads_current", "Platform threads; virtual ones are not counted.")
        .sample(threads.getThreadCount());
    page.summaries("jvm_gc_collection_seconds", "Pauses for collecting garbage of the heap.");
    for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
      page.sample(
          Math.max(0, collector.getCollectionTime()) / MILLIS,
          Math.max(0, collector.getCollectionCount()),
          "gc",
          collector.getName());
    }
  }

  /** NaN if the kernel does not tell. */
  private static double residentBytes() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmRSS:")) {
          return Double.parseDouble(line.replaceAll("[^0-9]", "")) * KIB;
        }
      }
    } catch (IOException e) {
      // told as a figure that is none
    }
    return Double.NaN;
  }
}
