package com.oracle.svm.core.monitor;

import java.util.concurrent.locks.LockSupport;

/**
 * How a thread waits until a monitor is free. The executable's own way is to park whoever comes, but
 * an interrupted thread does not park: it takes its processor for itself. Virtual threads have as
 * many of those as the machine has; when as many interrupted ones wait for a monitor that another
 * virtual thread holds, that one never runs again, and nor does any other. PatchMonitors puts this
 * in the place of LockSupport's methods.
 */
final class MonitorWait {
    private MonitorWait() {}

    static void park(Object blocker) {
        LockSupport.park(blocker);
        letOthersRun();
    }

    static void parkNanos(Object blocker, long nanos) {
        LockSupport.parkNanos(blocker, nanos);
        letOthersRun();
    }

    private static void letOthersRun() {
        if (Thread.currentThread().isInterrupted()) {
            Thread.yield();
        }
    }
}
