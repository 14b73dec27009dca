/** Builds, from a request to what is handed out; they know nothing of the wire. */
@NullMarked
package dev.buildd.daemon.build;

import org.jspecify.annotations.NullMarked;
