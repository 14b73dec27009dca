/** Matching of paths: globs as Go's {@code filepath.Match} has them, and ignore-file patterns. */
@NullMarked
package dev.buildd.base.pattern;

import org.jspecify.annotations.NullMarked;
