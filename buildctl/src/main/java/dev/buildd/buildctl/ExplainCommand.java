package dev.buildd.buildctl;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.client.BuildClient;
import dev.buildd.client.BuildExplanation;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** {@code buildctl debug explain}: why steps of a build ran, or were in the cache. */
final class ExplainCommand {
  private ExplainCommand() {}

  static Command create(PrintStream out) {
    return Command.of(
            "explain",
            "tell why the steps of a build ran or were cached; without REF of the last build",
            List.of(Flag.bool("json", "Print all that is known as JSON")),
            flags -> run(flags, out))
        .withArguments("[REF [STEP]]");
  }

  private static void run(Invocation flags, PrintStream out) throws Exception {
    List<String> arguments = flags.arguments();
    BuildExplanation all;
    try (BuildClient client = Connection.open(flags)) {
      BuildHistoryRecord record = record(client, arguments.stream().findFirst());
      if (!record.hasExplanation()) {
        throw BuildException.notFound(
            "nothing is known of why the steps of build "
                + record.getRef()
                + " ran: it still runs, had no steps, or was built by a daemon that does not"
                + " explain");
      }
      ByteArrayOutputStream blob = new ByteArrayOutputStream();
      client.readBlob(Digest.parse(record.getExplanation().getDigest()), blob);
      all = BuildExplanation.of(blob.toByteArray());
    }
    BuildExplanation told = arguments.size() > 1 ? only(arguments.get(1), all) : all;
    if (flags.flag("json")) {
      out.println(new String(told.json(), StandardCharsets.UTF_8));
      return;
    }
    print(told, out);
  }

  static void print(BuildExplanation explanation, PrintStream out) {
    explanation.steps().forEach(step -> print(step, out));
    if (explanation.others() > 0) {
      out.println(
          explanation.others() + " more were cached: what depends on them was found without them");
    }
  }

  private static BuildHistoryRecord record(BuildClient client, Optional<String> ref)
      throws InterruptedException {
    List<BuildHistoryRecord> found = new ArrayList<>();
    BuildHistoryRequest.Builder request = BuildHistoryRequest.newBuilder().setEarlyExit(true);
    if (ref.isPresent()) {
      request.setRef(ref.get());
    } else {
      request.setLimit(1); // of those that have ended; those that run are told besides
    }
    client.history(request.build(), event -> found.add(event.getRecord()));
    return found.stream()
        .filter(record -> ref.isPresent() || record.hasCompletedAt())
        .findFirst()
        .orElseThrow(() ->
            BuildException.notFound(
                ref.map(name -> "build " + name + " is not in the history")
                    .orElse("no build is in the history")));
  }

  /** Steps that the text means: part of a name, or the beginning of a digest. */
  private static BuildExplanation only(String text, BuildExplanation all) {
    List<BuildExplanation.Step> steps =
        all.steps().stream()
            .filter(step ->
                step.name().contains(text)
                    || step.vertex().startsWith(text)
                    || step.vertex().startsWith("sha256:" + text))
            .toList();
    if (steps.isEmpty()) {
      throw BuildException.notFound(
          "no step that ran or was found in the cache is named \"" + text + "\"");
    }
    return new BuildExplanation(steps, 0);
  }

  private static void print(BuildExplanation.Step step, PrintStream out) {
    out.println(step.outcome() + "  " + step.name());
    if (step.details().isEmpty() || !step.kind().equals("changed")) {
      out.println("        " + step.summary());
    }
    step.details().forEach(detail -> out.println("        " + detail));
    if (!step.build().isEmpty()) {
      out.println("        since build " + step.build());
    }
  }
}
