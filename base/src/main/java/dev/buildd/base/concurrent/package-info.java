/** Threads, scopes and shared computations; the only place that makes threads. */
@NullMarked
package dev.buildd.base.concurrent;

import org.jspecify.annotations.NullMarked;
