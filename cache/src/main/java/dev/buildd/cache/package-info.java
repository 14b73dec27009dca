/** Refs: the results of build steps, kept between builds, counted, measured and pruned. */
@NullMarked
package dev.buildd.cache;

import org.jspecify.annotations.NullMarked;
