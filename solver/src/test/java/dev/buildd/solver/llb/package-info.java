@NullMarked
package dev.buildd.solver.llb;

import org.jspecify.annotations.NullMarked;
