/** Layers as tar archives: reading them and applying them to a directory. */
@NullMarked
package dev.buildd.snapshot.layer;

import org.jspecify.annotations.NullMarked;
