@NullMarked
package dev.buildd.solver.explain;

import org.jspecify.annotations.NullMarked;
