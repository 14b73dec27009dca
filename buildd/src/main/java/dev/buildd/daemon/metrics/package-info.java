/** What the daemon counts, and how it tells it to Prometheus. */
@NullMarked
package dev.buildd.daemon.metrics;

import org.jspecify.annotations.NullMarked;
