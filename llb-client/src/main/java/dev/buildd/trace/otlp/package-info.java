/** Traces and figures on their way to a collector, by the protocol of OpenTelemetry. */
@NullMarked
package dev.buildd.trace.otlp;

import org.jspecify.annotations.NullMarked;
