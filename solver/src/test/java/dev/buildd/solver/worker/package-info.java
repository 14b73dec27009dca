/** Tests of the worker. */
@NullMarked
package dev.buildd.solver.worker;

import org.jspecify.annotations.NullMarked;
