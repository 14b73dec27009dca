@NullMarked
package dev.buildd.solver.ops;

import org.jspecify.annotations.NullMarked;
