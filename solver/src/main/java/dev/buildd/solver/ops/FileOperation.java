package dev.buildd.solver.ops;

import com.google.protobuf.Message;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.contenthash.ChecksumOptions;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.gateway.SolveException;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.ChownOpt;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileActionCopy;
import dev.buildd.proto.pb.FileOp;
import dev.buildd.proto.pb.UserOpt;
import dev.buildd.snapshot.layer.ArchiveFile;
import dev.buildd.snapshot.layer.LayerApplier;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Makes, copies and removes files. */
public final class FileOperation implements Op {
  private static final int SCRATCH = -1;

  /** About how much, with names and attributes, is worth no file of its own. */
  private static final long SMALL_BYTES = 2000;

  private final FileOp message;
  private final int inputs;
  private final String name;
  private final CacheManager cache;

  public FileOperation(FileOp message, int inputs, String name, CacheManager cache) {
    this.message = message;
    this.inputs = inputs;
    this.name = name;
    this.cache = cache;
  }

  // --- how it is cached (wire.md sections 14.1 and 14.4) ---

  @Override
  public CacheMap cacheMap(OpContext context, int index) {
    Map<Integer, List<Selector>> selectors = new TreeMap<>();
    Set<Integer> changed = new HashSet<>();
    StringBuilder json = new StringBuilder("{\"Type\":\"buildkit.file.v0\",\"Actions\":[");
    boolean first = true;
    for (FileAction action : message.getActionsList()) {
      changed.add((int) action.getInput());
      json.append(first ? "\"" : ",\"")
          .append(
              Base64.getEncoder()
                  .encodeToString(
                      GoProtoJson.toJson(keyed(action, selectors))
                          .getBytes(StandardCharsets.UTF_8)))
          .append('"');
      first = false;
    }
    json.append(']');
    appendIndexes(json);
    json.append('}');
    List<CacheMap.Dependency> dependencies = new ArrayList<>();
    for (int i = 0; i < inputs; i++) {
      List<Selector> selected = selectors.get(i);
      dependencies.add(
          selected == null || changed.contains(i)
              ? CacheMap.Dependency.WHOLE
              : new CacheMap.Dependency(
                  Optional.of(
                      Selector.digestOf(
                          selected.stream()
                              .map(Selector::path)
                              .sorted(Comparator.<String>naturalOrder().reversed())
                              .toList())),
                  Optional.of(Selector.contentDigest(i, Selector.outermostOf(selected)))));
    }
    return new CacheMap(
        CacheDigest.of(CacheDigest.Kind.JSON, json.toString()), false, dependencies, true);
  }

  private Message keyed(FileAction action, Map<Integer, List<Selector>> selectors) {
    return switch (action.getActionCase()) {
      case MKDIR -> {
        select(action.getMkdir().getOwner(), selectors);
        yield action.getMkdir();
      }
      case MKFILE -> {
        select(action.getMkfile().getOwner(), selectors);
        yield action.getMkfile();
      }
      case SYMLINK -> action.getSymlink();
      case RM -> action.getRm();
      case COPY -> {
        FileActionCopy copy = action.getCopy();
        select(copy.getOwner(), selectors);
        int from = (int) action.getSecondaryInput();
        if (from == SCRATCH || from >= inputs) {
          yield copy;
        }
        ChecksumOptions options =
            new ChecksumOptions(
                copy.getFollowSymlink(),
                copy.getAllowWildcard() && FileActions.hasWildcards(copy.getSrc()),
                copy.getIncludePatternsList(),
                copy.getExcludePatternsList(),
                copy.getRequiredPathsList());
        add(selectors, from, new Selector(copy.getSrc(), options));
        yield copy.toBuilder().setSrc(GoPath.base(copy.getSrc())).build();
      }
      case ACTION_NOT_SET -> throw BuildException.invalid("invalid file action without a body");
    };
  }

  private void select(ChownOpt owner, Map<Integer, List<Selector>> selectors) {
    select(owner.getUser(), "/etc/passwd", selectors);
    select(owner.getGroup(), "/etc/group", selectors);
  }

  private void select(UserOpt user, String file, Map<Integer, List<Selector>> selectors) {
    if (user.getUserCase() == UserOpt.UserCase.BYNAME) {
      long from = user.getByName().getInput();
      if (from < 0 || from >= inputs + message.getActionsCount()) {
        throw BuildException.invalid("invalid user index " + from);
      }
      if (from < inputs) {
        add(selectors, (int) from, new Selector(file, ChecksumOptions.PLAIN.withFollowLinks(true)));
      }
    }
  }

  private static void add(Map<Integer, List<Selector>> all, int input, Selector selector) {
    all.computeIfAbsent(input, i -> new ArrayList<>()).add(selector);
  }

  private void appendIndexes(StringBuilder json) {
    int count = message.getActionsCount();
    boolean usual = true;
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < count; i++) {
      FileAction action = message.getActions(i);
      usual &=
          action.getInput() == (i == 0 ? 0 : count + i - 1)
              && (action.getSecondaryInput() == SCRATCH || action.getSecondaryInput() == 1)
              && action.getOutput() == (i == count - 1 ? 0 : -1);
      out.append(i == 0 ? "[" : ",[")
          .append(action.getInput())
          .append(',')
          .append(action.getSecondaryInput())
          .append(',')
          .append(action.getOutput())
          .append(']');
    }
    if (!usual) {
      json.append(",\"indexes\":[").append(out).append(']');
    }
  }

  // --- doing it ---

  /** Whether the actions can leave but a few small files behind on an empty tree. */
  private boolean makesLittle() {
    long bytes = 0;
    for (FileAction action : message.getActionsList()) {
      bytes +=
          switch (action.getActionCase()) {
            case MKDIR -> 20L * action.getMkdir().getPath().length(); // each letter may be a parent
            case MKFILE ->
                20L + action.getMkfile().getPath().length() + action.getMkfile().getData().size();
            case SYMLINK ->
                20L
                    + action.getSymlink().getNewpath().length()
                    + action.getSymlink().getOldpath().length();
            case RM -> 0;
            case COPY, ACTION_NOT_SET -> SMALL_BYTES;
          };
    }
    return bytes < SMALL_BYTES;
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> results) throws Exception {
    try (Run run = new Run(context, results.stream().map(RefResult::refOf).toList())) {
      return run.outputs();
    }
  }

  /** Files being written. They stay mounted from one action to the next: mounting costs most. */
  private record Active(MutableRef ref, Mounted at) implements AutoCloseable {
    ImmutableRef commit() {
      at.close();
      return ref.commit();
    }

    @Override
    public void close() {
      at.close();
      ref.close();
    }
  }

  /** What an action or an input gave: a finished ref, files still being written, or nothing. */
  private static final class Slot {
    Optional<ImmutableRef> ref = Optional.empty();
    Optional<Active> active = Optional.empty();
    boolean owned;
  }

  /** One execution. Slots are numbered as in the message: inputs first, then actions. */
  private final class Run implements AutoCloseable {
    private final OpContext context;
    private final Map<Integer, Slot> slots = new HashMap<>();
    private final Set<Integer> begun = new HashSet<>();
    private final int[] uses = new int[inputs + message.getActionsCount()];

    Run(OpContext context, List<Optional<ImmutableRef>> refs) {
      this.context = context;
      for (int i = 0; i < inputs; i++) {
        Slot slot = new Slot();
        slot.ref = refs.get(i);
        slots.put(i, slot);
      }
      for (FileAction action : message.getActionsList()) {
        count(action.getInput());
        count(action.getSecondaryInput());
      }
    }

    private void count(long index) {
      if (index >= 0) {
        uses[(int) index]++;
      }
    }

    List<SharedResult> outputs() throws Exception {
      Map<Long, Integer> outputs = new TreeMap<>();
      for (int i = 0; i < message.getActionsCount(); i++) {
        long output = message.getActions(i).getOutput();
        if (output != -1 && outputs.put(output, inputs + i) != null) {
          throw BuildException.invalid("duplicate output " + output);
        }
      }
      if (outputs.isEmpty()) {
        throw BuildException.invalid("no outputs specified");
      }
      List<SharedResult> out = new ArrayList<>();
      try {
        for (Map.Entry<Long, Integer> output : outputs.entrySet()) {
          if (output.getKey() != out.size()) {
            throw BuildException.invalid("missing output index " + out.size());
          }
          out.add(RefResult.of(slot(output.getValue()).ref.orElseThrow().share()));
        }
      } catch (Exception e) {
        out.forEach(SharedResult::close);
        throw e;
      }
      return out;
    }

    /** Makes sure that the numbered slot is there, with all it rests on; chains may be long. */
    private Slot slot(int wanted) throws Exception {
      List<Integer> pending = new ArrayList<>(List.of(wanted));
      while (!pending.isEmpty()) {
        int next = pending.getLast();
        if (slots.containsKey(next)) {
          pending.removeLast();
          continue;
        }
        FileAction action = message.getActions(next - inputs);
        boolean ready = true;
        for (long needed : needs(action)) {
          if (needed >= 0 && !slots.containsKey((int) needed)) {
            pending.add((int) needed);
            ready = false;
          }
        }
        if (ready) {
          pending.removeLast();
          slots.put(next, done(next, action));
        } else if (!begun.add(next)) {
          throw BuildException.invalid("loop from index " + next);
        }
      }
      return given(wanted);
    }

    private Slot given(int index) {
      Slot slot = slots.get(index);
      if (slot == null) {
        throw BuildException.invalid("invalid input index " + index);
      }
      return slot;
    }

    private List<Long> needs(FileAction action) {
      List<Long> out = new ArrayList<>(List.of(action.getInput(), action.getSecondaryInput()));
      ChownOpt owner = ownerOf(action);
      if (owner.getUser().getUserCase() == UserOpt.UserCase.BYNAME) {
        out.add(owner.getUser().getByName().getInput());
      }
      if (owner.getGroup().getUserCase() == UserOpt.UserCase.BYNAME) {
        out.add(owner.getGroup().getByName().getInput());
      }
      return out;
    }

    private Slot done(int index, FileAction action) throws Exception {
      Slot slot = new Slot();
      slot.owned = true;
      Active target = target((int) action.getInput());
      boolean finished = false;
      try {
        Path root = target.at().path();
        Optional<FileOwner> owner = owner(ownerOf(action));
        if (action.getActionCase() == FileAction.ActionCase.COPY) {
          copy(action, root, owner);
        } else {
          Threads.nativeCalls()
              .call(() -> {
                change(action, root, owner);
                return true;
              });
        }
        if (action.getOutput() != -1 || uses[index] > 1) {
          slot.ref = Optional.of(target.commit());
        } else {
          slot.active = Optional.of(target);
        }
        finished = true;
        return slot;
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        if (BuildException.isDefect(e)) {
          throw e;
        }
        finished = true; // what was written is handed over
        throw failed(index, action, target, e);
      } finally {
        if (!finished) {
          target.close();
        }
      }
    }

    /** The failure of an action, with what it has left and what it copied from. */
    private StepException failed(int index, FileAction action, Active target, Exception cause) {
      List<FailedMounts.State> left = new ArrayList<>();
      message.getActionsList().forEach(_ -> left.add(new FailedMounts.State.Nothing()));
      target.at().close();
      left.set(index - inputs, new FailedMounts.State.Written(target.ref()));
      int from = (int) action.getSecondaryInput();
      if (from >= inputs && slots.containsKey(from)) {
        left.set(from - inputs, state(given(from)));
      }
      List<Optional<ImmutableRef>> given = new ArrayList<>();
      for (int i = 0; i < inputs; i++) {
        given.add(given(i).ref.map(ImmutableRef::share));
      }
      return new StepException(
          cause,
          FailedMounts.of(given, left).keptBy(context.memos()),
          new SolveException.Subject.FileAction(index - inputs));
    }

    private static FailedMounts.State state(Slot slot) {
      if (slot.active.isPresent()) {
        Active taken = slot.active.get();
        slot.active = Optional.empty();
        taken.at().close();
        return new FailedMounts.State.Written(taken.ref());
      }
      return slot.ref
          .<FailedMounts.State>map(ref -> new FailedMounts.State.Given(ref.share()))
          .orElseGet(FailedMounts.State.Nothing::new);
    }

    /** Files to change: those of an unfinished slot, or new ones on top of a finished one. */
    private Active target(int input) {
      Optional<ImmutableRef> parent = Optional.empty();
      if (input != SCRATCH) {
        Slot base = given(input);
        if (base.active.isPresent()) {
          Active taken = base.active.get();
          base.active = Optional.empty();
          return taken;
        }
        parent = base.ref;
      }
      RefOptions options = RefOptions.of(name);
      MutableRef ref =
          parent.isEmpty() && makesLittle()
              ? cache.newSmall(options)
              : cache.newMutable(parent, options);
      try {
        return new Active(ref, ref.mount());
      } catch (RuntimeException e) {
        ref.close();
        throw e;
      }
    }

    private void change(FileAction action, Path root, Optional<FileOwner> owner)
        throws IOException {
      switch (action.getActionCase()) {
        case MKDIR -> FileActions.mkdir(root, action.getMkdir(), owner);
        case MKFILE -> FileActions.mkfile(root, action.getMkfile(), owner);
        case SYMLINK -> FileActions.symlink(root, action.getSymlink(), owner);
        case RM -> FileActions.rm(root, action.getRm());
        case COPY, ACTION_NOT_SET -> throw new IllegalStateException("not a change of one tree");
      }
    }

    private void copy(FileAction action, Path target, Optional<FileOwner> owner) throws Exception {
      int from = (int) action.getSecondaryInput();
      if (from == SCRATCH || (given(from).ref.isEmpty() && given(from).active.isEmpty())) {
        Path empty = Files.createTempDirectory("buildd-empty");
        try {
          copy(action.getCopy(), empty, target, owner);
        } finally {
          Files.delete(empty);
        }
        return;
      }
      try (Mounted source = mounted(given(from))) {
        copy(action.getCopy(), source.path(), target, owner);
      }
    }

    private static void copy(
        FileActionCopy copy, Path source, Path target, Optional<FileOwner> owner) throws Exception {
      Threads.nativeCalls()
          .call(() -> {
            copyNow(copy, source, target, owner);
            return true;
          });
    }

    private static void copyNow(
        FileActionCopy copy, Path source, Path target, Optional<FileOwner> owner)
        throws IOException {
      FileActions.named(
          copy.getSrc(),
          source,
          () ->
              FileActions.named(
                  copy.getDest(),
                  target,
                  () -> {
                    if (!copy.getCreateDestPath()) {
                      Path parent =
                          RootedPath.resolve(target, RootedPath.clean(copy.getDest())).getParent();
                      if (parent == null || !Linux.exists(parent)) {
                        throw BuildException.notFound(
                            "failed to stat " + copy.getDest() + ": no such file or directory");
                      }
                    }
                    List<String> sources =
                        copy.getAllowWildcard()
                            ? FileActions.matches(source, copy.getSrc(), copy.getFollowSymlink())
                            : List.of(FileActions.cleanKeepingEnd(copy.getSrc()));
                    if (sources.isEmpty() && !copy.getAllowEmptyWildcard()) {
                      throw BuildException.notFound(
                          FileActions.cleanKeepingEnd(copy.getSrc()) + " not found");
                    }
                    for (String one : sources) {
                      if (copy.getAttemptUnpackDockerCompatibility()
                          && unpacked(copy, source, one, target, owner)) {
                        continue;
                      }
                      new TreeCopier(copy, owner).copy(source, one, target);
                    }
                  }));
    }

    private static boolean unpacked(
        FileActionCopy copy, Path source, String one, Path target, Optional<FileOwner> owner)
        throws IOException {
      Path archive = RootedPath.resolve(source, one);
      if (!ArchiveFile.isArchive(archive)) {
        return false;
      }
      Path directory = RootedPath.resolve(target, copy.getDest());
      FileActions.mkdirAll(directory, 0755, owner, copy.getTimestamp());
      try {
        ArchiveFile.unpack(
            archive, directory, owner.map(to -> new LayerApplier.Ids(to.uid(), to.gid())));
      } catch (InterruptedException e) {
        throw new BuildException(Category.CANCELED, "context canceled", e);
      }
      return true;
    }

    private static Mounted mounted(Slot slot) {
      return slot.ref.isPresent()
          ? slot.ref.get().mount()
          : slot.active.orElseThrow().ref().mount();
    }

    // --- owners ---

    private static ChownOpt ownerOf(FileAction action) {
      return switch (action.getActionCase()) {
        case MKDIR -> action.getMkdir().getOwner();
        case MKFILE -> action.getMkfile().getOwner();
        case SYMLINK -> action.getSymlink().getOwner();
        case COPY -> action.getCopy().getOwner();
        case RM, ACTION_NOT_SET -> ChownOpt.getDefaultInstance();
      };
    }

    /** A name that the files do not know stands for root, as in BuildKit. */
    private Optional<FileOwner> owner(ChownOpt option) throws Exception {
      if (!option.hasUser() && !option.hasGroup()) {
        return Optional.empty();
      }
      int uid = 0;
      int gid = 0;
      switch (option.getUser().getUserCase()) {
        case BYID -> {
          uid = option.getUser().getByID();
          gid = uid;
        }
        case BYNAME -> {
          String[] known = entry(option.getUser(), "/etc/passwd");
          uid = Math.max(0, FileOwner.id(known, 2));
          gid = Math.max(0, FileOwner.id(known, 3));
        }
        case USER_NOT_SET -> {}
      }
      switch (option.getGroup().getUserCase()) {
        case BYID -> gid = option.getGroup().getByID();
        case BYNAME -> {
          int known = FileOwner.id(entry(option.getGroup(), "/etc/group"), 2);
          gid = known < 0 ? gid : known;
        }
        case USER_NOT_SET -> {}
      }
      return Optional.of(new FileOwner(uid, gid));
    }

    private String[] entry(UserOpt user, String file) throws Exception {
      Slot slot = given((int) user.getByName().getInput());
      if (slot.ref.isEmpty() && slot.active.isEmpty()) {
        return new String[0];
      }
      try (Mounted at = mounted(slot)) {
        List<String[]> entries =
            Threads.nativeCalls().call(() -> FileOwner.entries(at.path(), file));
        return entries.stream()
            .filter(entry -> entry[0].equals(user.getByName().getName()))
            .findFirst()
            .orElse(new String[0]);
      }
    }

    @Override
    public void close() {
      for (Slot slot : slots.values()) {
        if (slot.owned) {
          slot.ref.ifPresent(ImmutableRef::close);
          slot.active.ifPresent(Active::close);
        }
      }
    }
  }
}
