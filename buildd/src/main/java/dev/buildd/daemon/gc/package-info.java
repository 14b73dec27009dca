/** What goes from the cache by itself, and when. */
@NullMarked
package dev.buildd.daemon.gc;

import org.jspecify.annotations.NullMarked;
