@NullMarked
package dev.buildd.solver.source.image;

import org.jspecify.annotations.NullMarked;
