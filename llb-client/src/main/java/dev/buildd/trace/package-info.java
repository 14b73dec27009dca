/** Parts of traces, as OpenTelemetry and W3C's Trace Context know them. */
@NullMarked
package dev.buildd.trace;

import org.jspecify.annotations.NullMarked;
