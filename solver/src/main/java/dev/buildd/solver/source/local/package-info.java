/** Directories of clients. */
@NullMarked
package dev.buildd.solver.source.local;

import org.jspecify.annotations.NullMarked;
