@NullMarked
package dev.buildd.solver.source.http;

import org.jspecify.annotations.NullMarked;
