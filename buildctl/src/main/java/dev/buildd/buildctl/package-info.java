/** The command line of the daemon. */
@NullMarked
package dev.buildd.buildctl;

import org.jspecify.annotations.NullMarked;
