package dev.buildd.solver.explain;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.proto.pb.Op;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.explain.FileList.Change;
import dev.buildd.solver.explain.FileList.Entry;
import dev.buildd.solver.graph.ProgressEvent.Reason;
import dev.buildd.solver.graph.RunObserver;
import dev.buildd.solver.ops.RefResult;
import dev.buildd.solver.ops.UsedFiles;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Tells of each step that runs why no recorded result would do, by comparing it with the earlier
 * run that is most like it, and keeps the run for those that come after it.
 *
 * <p>It works beside the run, which waits for it at its end only. Safe for use by many threads.
 */
public final class Explainer implements RunObserver {
  private static final int MAX_FILES = 100_000;
  private static final int TOLD = 20; // files; of more it is said how many

  private final RunRows runs;
  private final Clock clock;

  public Explainer(MetadataStore store, Clock clock) {
    this(new RunRows(store, RunRows.Limits.DEFAULT), clock);
  }

  Explainer(RunRows runs, Clock clock) {
    this.runs = runs;
    this.clock = clock;
  }

  /** Notes that recorded results are no more, and why. */
  public void removed(List<String> results, String why) {
    Cleanup.run(
        "note the removal of " + results,
        () -> runs.removed(results, new RunRows.Removal(clock.instant(), why)));
  }

  @Override
  public Run begins(Facts facts) {
    if (facts.local()) {
      return result -> {}; // what a client sends is looked at anew by every build
    }
    Task task = new Task(facts);
    task.thread.start();
    return task::ended;
  }

  @Override
  public void wouldRun(Facts facts) {
    if (!facts.local()) {
      Cleanup.run("explain " + facts.vertex().name(), () -> new Task(facts).explain());
    }
  }

  /** What goes on beside one run. */
  private final class Task {
    private final Facts facts;
    private final RunRow row;
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread thread;

    Task(Facts facts) {
      this.facts = facts;
      this.row = RunRow.of(facts, clock.instant());
      this.thread = Threads.unstarted("explain " + row.step(), this::run);
    }

    void run() {
      Cleanup.run(
          "explain " + row.step(),
          () -> {
            try {
              explain();
            } catch (BuildException e) {
              if (e.category() != Category.CANCELED) { // the run has failed, and is not explained
                throw e;
              }
            }
          });
      over.countDown();
    }

    void ended(Optional<String> result) {
      if (result.isEmpty()) {
        thread.interrupt();
      }
      Scope.awaitUninterruptibly(over);
      result.ifPresent(
          id -> Cleanup.run("keep run of " + row.step(), () -> runs.save(row.withResult(id))));
    }

    private void explain() throws Exception {
      Map<Integer, FileList> files = new HashMap<>();
      for (int i = 0; i < facts.inputs().size(); i++) {
        Optional<FileList> listed = listed(facts.inputs().get(i));
        if (listed.isPresent()) {
          files.put(i, listed.get());
        }
      }
      facts.progress().explained(reason(files));
    }

    /** The files that the run uses of an input, which are kept from now on. */
    private Optional<FileList> listed(Input input) throws Exception {
      if (input.content().isEmpty() || !(input.computed().orElse(null) instanceof UsedFiles used)) {
        return Optional.empty();
      }
      Digest content = input.content().get();
      Optional<FileList> known = runs.files(content);
      if (known.isPresent()) {
        return known;
      }
      FileList out = new FileList();
      ListedFile.Reader reader =
          file -> {
            if (out.size() < MAX_FILES) {
              out.add(file);
            }
          };
      used.files(input.value(), reader);
      if (out.size() >= MAX_FILES) {
        return Optional.empty();
      }
      runs.saveFiles(content, out);
      return Optional.of(out);
    }

    private Reason reason(Map<Integer, FileList> files) throws InterruptedException {
      List<String> unknowing =
          facts.caches().stream().map(cache -> "not known to the cache " + cache).toList();
      if (facts.forced()) {
        return new Reason(Reason.Kind.FORCED, "the cache was not to be used", List.of(), "");
      }
      if (!facts.lost().isEmpty()) {
        List<String> lost =
            facts.lost().stream().map(one -> one.cache() + ": " + one.failure()).toList();
        return new Reason(
            Reason.Kind.LOST, "a cached result could not be had: " + lost.getFirst(), lost, "");
      }
      for (Input input : facts.inputs()) {
        if (input.fresh()) {
          return new Reason(
              Reason.Kind.FORCED,
              "its input " + input.vertex().name() + " was made without the cache",
              List.of(),
              "");
        }
      }
      Optional<RunRow> nearest = nearest();
      if (nearest.isEmpty()) {
        return new Reason(
            Reason.Kind.FIRST, "nothing like it is known to have run here", unknowing, "");
      }
      RunRow earlier = nearest.get();
      if (earlier.name().equals(row.name())) {
        return new Reason(Reason.Kind.REMOVED, removed(earlier), unknowing, earlier.build());
      }
      List<String> differences = differences(earlier, files);
      String more = differences.size() > 1 ? " (and " + (differences.size() - 1) + " more)" : "";
      return new Reason(
          Reason.Kind.CHANGED,
          differences.isEmpty()
              ? "it is another operation than that of its last run"
              : differences.getFirst() + more,
          concat(differences, unknowing),
          earlier.build());
    }

    private static List<String> concat(List<String> a, List<String> b) {
      List<String> out = new ArrayList<>(a);
      out.addAll(b);
      return out;
    }

    private String removed(RunRow earlier) {
      return "its result of "
          + earlier.at().truncatedTo(ChronoUnit.SECONDS)
          + " is no longer in the cache"
          + runs.removal(earlier)
              .map(removal ->
                  ": removed at "
                      + removal.at().truncatedTo(ChronoUnit.SECONDS)
                      + " by "
                      + removal.why())
              .orElse("");
    }

    /** The earlier run that has most in common with this one. */
    private Optional<RunRow> nearest() {
      @Nullable RunRow best = null;
      int score = -1;
      for (byte[] key : row.keys()) {
        Optional<RunRow> found = runs.find(key);
        if (found.isPresent() && likeness(found.get()) > score) {
          best = found.get();
          score = likeness(best);
        }
      }
      return Optional.ofNullable(best);
    }

    /** Negative if they have too little in common to be the same step at different times. */
    private int likeness(RunRow other) {
      if (other.name().equals(row.name())) {
        return Integer.MAX_VALUE;
      }
      boolean sameOperation = other.operation().equals(row.operation());
      String otherName = other.plainName();
      String ownName = row.plainName();
      if (!sameOperation
          && !otherName.equals(ownName)
          && (other.build().equals(row.build()) || !StepNames.areAlike(otherName, ownName))) {
        return -1;
      }
      int out = sameOperation ? 4 : 0;
      out += otherName.equals(ownName) ? 3 : 0;
      for (int i = 0; i < Math.min(other.inputs().size(), row.inputs().size()); i++) {
        out += other.inputs().get(i).identity().equals(row.inputs().get(i).identity()) ? 2 : 0;
      }
      return out;
    }

    private List<String> differences(RunRow earlier, Map<Integer, FileList> files)
        throws InterruptedException {
      List<String> out = new ArrayList<>();
      boolean moved = !earlier.pin().equals(row.pin());
      if (moved) {
        String source = StepNames.unpinned(row.op().getSource().getIdentifier());
        out.add(source + " is now " + row.pin() + ", was " + earlier.pin());
      }
      // frontends write the digest into the address: said once is enough
      out.addAll(
          OpDifference.of(
              moved ? withoutPin(earlier.op()) : earlier.op(),
              moved ? withoutPin(row.op()) : row.op()));
      for (int i = 0; i < Math.max(earlier.inputs().size(), row.inputs().size()); i++) {
        if (i >= row.inputs().size()) {
          out.add("input " + earlier.inputs().get(i).step() + " removed");
        } else if (i >= earlier.inputs().size()) {
          out.add("input " + row.inputs().get(i).step() + " added");
        } else if (!row.inputs().get(i).identity().equals(earlier.inputs().get(i).identity())) {
          out.addAll(inputChanged(i, earlier.inputs().get(i), Optional.ofNullable(files.get(i))));
        }
      }
      return out;
    }

    private static Op withoutPin(Op op) {
      Op.Builder out = op.toBuilder();
      if (op.hasSource()) {
        out.getSourceBuilder().setIdentifier(StepNames.unpinned(op.getSource().getIdentifier()));
      }
      return out.build();
    }

    private List<String> inputChanged(int index, RunRow.Input before, Optional<FileList> files)
        throws InterruptedException {
      RunRow.Input now = row.inputs().get(index);
      Optional<FileList> earlier = before.content().flatMap(runs::files);
      if (now.content().isPresent() && files.isPresent() && earlier.isPresent()) {
        List<Change> changes = files.get().changesFrom(earlier.get());
        List<String> out = new ArrayList<>();
        for (Change change : changes.subList(0, Math.min(TOLD, changes.size()))) {
          out.add(text(change, facts.inputs().get(index)));
        }
        if (changes.size() > TOLD) {
          out.add((changes.size() - TOLD) + " more files of " + now.step());
        }
        if (!out.isEmpty()) {
          return out;
        }
      }
      boolean sameStep = StepNames.plain(before.step()).equals(StepNames.plain(now.step()));
      String what = now.content().isPresent() ? "files of " : "input ";
      return List.of(what + now.step() + (sameStep ? " changed" : ", was " + before.step()));
    }

    private String text(Change change, Input input) throws InterruptedException {
      String name = change.path().equals("/") ? "/" : change.path().substring(1);
      String of = " (" + input.vertex().name() + ")";
      if (change.before().isEmpty()) {
        return name + ": added" + of;
      }
      if (change.now().isEmpty()) {
        return name + ": removed" + of;
      }
      Entry before = change.before().get();
      Entry now = change.now().get();
      List<String> parts = new ArrayList<>();
      if ((before.mode() & Stat.S_IFMT) != (now.mode() & Stat.S_IFMT)) {
        return name + ": another type of file" + of;
      }
      if (before.mode() != now.mode()) {
        parts.add(String.format("mode %04o → %04o", before.mode() & 07777, now.mode() & 07777));
      }
      if (before.uid() != now.uid() || before.gid() != now.gid()) {
        parts.add(
            "owner "
                + Integer.toUnsignedString(before.uid())
                + ":"
                + Integer.toUnsignedString(before.gid())
                + " → "
                + Integer.toUnsignedString(now.uid())
                + ":"
                + Integer.toUnsignedString(now.gid()));
      }
      if (parts.isEmpty() || before.size() != now.size() || !onlyAttributes(change, input)) {
        parts.addFirst(now.isDirectory() ? "attributes" : "content");
      }
      return name + ": " + String.join(", ", parts) + of;
    }

    /** Whether the file would have the digest of before, if its mode and owner were as before. */
    private boolean onlyAttributes(Change change, Input input) throws InterruptedException {
      Entry before = change.before().orElseThrow();
      Entry now = change.now().orElseThrow();
      Optional<ImmutableRef> ref = RefResult.refOf(input.value());
      if (now.isDirectory() || ref.isEmpty()) {
        return true;
      }
      if (Thread.interrupted()) {
        throw new InterruptedException("comparing " + change.path());
      }
      Digest asBefore =
          ref.get().digestAs(change.path(), before.mode(), before.uid(), before.gid());
      return Entry.of(
                  new ListedFile(
                      change.path(),
                      before.mode(),
                      before.uid(),
                      before.gid(),
                      now.size(),
                      asBefore))
              .digest()
          == before.digest();
    }
  }
}
