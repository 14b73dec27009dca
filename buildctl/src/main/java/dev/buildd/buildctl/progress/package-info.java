/** A build's progress, shown as it goes. */
@NullMarked
package dev.buildd.buildctl.progress;

import org.jspecify.annotations.NullMarked;
