package dev.buildd.solver.ops;

import dev.buildd.cache.CacheManager;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.executor.Executor;
import java.nio.file.Path;

/**
 * What steps run with.
 *
 * @param scratch a directory of the daemon's own for mounts that last as long as a step; emptied at
 *     start
 * @param echoOutput whether output of steps also goes to the daemon's own, for debugging
 */
public record ExecSettings(
    CacheManager cache,
    CacheMounts cacheMounts,
    SessionManager sessions,
    Executor executor,
    Path scratch,
    boolean echoOutput) {}
