/**
 * Builds that have run. Its records and logs are messages of the wire, kept and handed out as they
 * are.
 */
@NullMarked
package dev.buildd.daemon.history;

import org.jspecify.annotations.NullMarked;
