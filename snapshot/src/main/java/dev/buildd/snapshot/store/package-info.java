/** The one durable store of the daemon's records. */
@NullMarked
package dev.buildd.snapshot.store;

import org.jspecify.annotations.NullMarked;
