package dev.buildd.solver.source;

import dev.buildd.session.SessionGroup;
import dev.buildd.solver.graph.VertexProgress;

/** What a source may use while it works for a vertex. */
public record SourceContext(SessionGroup sessions, VertexProgress progress) {}
