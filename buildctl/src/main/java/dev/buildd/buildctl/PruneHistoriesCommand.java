package dev.buildd.buildctl;

import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.client.BuildClient;
import dev.buildd.proto.control.BuildHistoryEventType;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import java.util.ArrayList;
import java.util.List;

/** {@code buildctl prune-histories}: forgets all builds that are over. */
final class PruneHistoriesCommand {
  private PruneHistoriesCommand() {}

  static Command create() {
    return Command.of(
        "prune-histories", "clean up build histories", List.of(), PruneHistoriesCommand::run);
  }

  private static void run(Invocation flags) throws Exception {
    try (BuildClient client = Connection.open(flags)) {
      List<String> refs = new ArrayList<>();
      client.history(
          BuildHistoryRequest.newBuilder().setEarlyExit(true).build(),
          event -> {
            if (event.getType() == BuildHistoryEventType.COMPLETE) {
              refs.add(event.getRecord().getRef());
            }
          });
      for (String ref : refs) {
        client.updateHistory(
            UpdateBuildHistoryRequest.newBuilder().setRef(ref).setDelete(true).build());
      }
    }
  }
}
