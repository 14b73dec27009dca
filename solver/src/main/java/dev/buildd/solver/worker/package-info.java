/** Where operations are carried out. */
@NullMarked
package dev.buildd.solver.worker;

import org.jspecify.annotations.NullMarked;
