/** Running the process of a build step; workers bring the executors. */
@NullMarked
package dev.buildd.solver.executor;

import org.jspecify.annotations.NullMarked;
