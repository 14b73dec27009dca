/** Git repositories as sources. */
@NullMarked
package dev.buildd.solver.source.git;

import org.jspecify.annotations.NullMarked;
