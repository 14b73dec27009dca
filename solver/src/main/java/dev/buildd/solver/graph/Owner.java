package dev.buildd.solver.graph;

/** What keeps vertices active and shares executions: whoever asked for them. */
sealed interface Owner permits Job, ActiveVertex, Execution {}
