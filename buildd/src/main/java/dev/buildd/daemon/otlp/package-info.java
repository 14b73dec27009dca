/** Spans and figures as OpenTelemetry's protocol has them, and sending them to a collector. */
@NullMarked
package dev.buildd.daemon.otlp;

import org.jspecify.annotations.NullMarked;
