/** Requests, progress, usage and failures as they go over the wire. */
@NullMarked
package dev.buildd.daemon.wire;

import org.jspecify.annotations.NullMarked;
