/** Spans as OpenTelemetry's protocol has them, and sending them to a collector of traces. */
@NullMarked
package dev.buildd.daemon.otlp;

import org.jspecify.annotations.NullMarked;
