/**
 * The pure core: turns a graph of operations into results, with two identities for each step (its
 * definition while it runs, its cache key for ever). Knows nothing of files, protocols or machines.
 */
@NullMarked
package dev.buildd.solver.graph;

import org.jspecify.annotations.NullMarked;
