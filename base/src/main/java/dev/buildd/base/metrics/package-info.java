/** Counting what happens, at little cost to whoever does it. */
@NullMarked
package dev.buildd.base.metrics;

import org.jspecify.annotations.NullMarked;
