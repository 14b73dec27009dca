/** Caches of builds that come from, and go to, other places than this machine. */
@org.jspecify.annotations.NullMarked
package dev.buildd.solver.remote;
