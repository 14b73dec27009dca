/** What becomes of results: directories and archives for clients. */
@NullMarked
package dev.buildd.solver.exporter;

import org.jspecify.annotations.NullMarked;
