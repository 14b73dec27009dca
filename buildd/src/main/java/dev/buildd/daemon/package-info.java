/** The daemon: its configuration, its services, and the one place that puts all parts together. */
@NullMarked
package dev.buildd.daemon;

import org.jspecify.annotations.NullMarked;
