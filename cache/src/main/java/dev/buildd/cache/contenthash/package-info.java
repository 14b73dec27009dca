/** Digests of files and trees by content, as BuildKit computes them (wire.md section 14.4). */
@NullMarked
package dev.buildd.cache.contenthash;

import org.jspecify.annotations.NullMarked;
