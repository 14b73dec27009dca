/** Builds as spans of a trace. */
@NullMarked
package dev.buildd.daemon.trace;

import org.jspecify.annotations.NullMarked;
