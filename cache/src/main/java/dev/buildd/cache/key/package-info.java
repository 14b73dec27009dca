/** The names of results and where they are remembered. */
@NullMarked
package dev.buildd.cache.key;

import org.jspecify.annotations.NullMarked;
