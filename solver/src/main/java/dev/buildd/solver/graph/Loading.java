package dev.buildd.solver.graph;

import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/** Brings back the value of a record. */
final class Loading {
  private final ActiveVertex vertex;

  Loading(ActiveVertex vertex) {
    this.vertex = vertex;
  }

  /**
   * @param names the names under which the record was found
   * @param used whether an operation is going to use the value
   * @throws Exception if the value cannot be had, which makes the record a miss
   */
  Solved load(FoundRecord found, KeySet names, boolean used) throws Exception {
    ActiveGraph graph = vertex.graph();
    ActiveGraph.Share held =
        graph.share(
            new ActiveGraph.RecordKey(found.source(), found.resultId()),
            vertex,
            0,
            () ->
                new Execution(graph, vertex, List.of(), self -> List.of(bring(found, self, used))));
    SharedResult value = vertex.await(held).get(held.output());
    vertex.cached(reason(found));
    return new Solved(
        held.execution(), value, found.record().key(), names, true, Optional.of(found));
  }

  private ProgressEvent.Reason reason(FoundRecord found) {
    String from =
        found.source().equals(vertex.graph().main())
            ? ""
            : " from the cache " + found.source().name();
    return new ProgressEvent.Reason(
        ProgressEvent.Reason.Kind.HIT,
        "cached: its result of "
            + found.record().createdAt().truncatedTo(ChronoUnit.SECONDS)
            + from,
        List.of(),
        "");
  }

  private SharedResult bring(FoundRecord found, Execution self, boolean used) throws Exception {
    SharedResult value = found.source().load(found.record(), self, used);
    boolean known = false;
    try {
      CacheSource main = vertex.graph().main();
      if (!found.source().equals(main)) {
        found.source().adopt(found.record(), value, main.keys());
      }
      known = true;
      return value;
    } finally {
      if (!known) {
        value.close();
      }
    }
  }
}
