package dev.buildd.llb;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.pb.FileOp;
import dev.buildd.proto.pb.Input;
import dev.buildd.proto.pb.Op;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;

/** A step that changes files. */
final class FileVertex extends StateVertex {
  private static final int NONE = -1;

  private final FileAction action;

  FileVertex(State state, FileAction action, Constraints own) {
    super(own);
    this.action = action.bind(state);
  }

  /** An action that has been given its place; inputs are counted before actions. */
  private record Placed(FileAction action, int base, Ref input, Ref second) {}

  /** An input of the step, or the result of one of its actions. */
  private record Ref(int index, boolean isAction) {
    static final Ref EMPTY = new Ref(NONE, false);

    int number(int inputs) {
      return isAction ? inputs + index : index;
    }
  }

  private static final class Layout {
    final Marshaller marshaller;
    final List<Input> inputs = new ArrayList<>();
    final List<Placed> actions = new ArrayList<>();
    final IdentityHashMap<FileAction, Integer> places = new IdentityHashMap<>();

    Layout(Marshaller marshaller) {
      this.marshaller = marshaller;
    }

    int input(Optional<Output> output) {
      if (output.isEmpty()) {
        return NONE;
      }
      Input added = marshaller.input(output.get());
      int known = inputs.indexOf(added);
      if (known >= 0) {
        return known;
      }
      inputs.add(added);
      return inputs.size() - 1;
    }

    int place(FileAction action) {
      Integer known = places.get(action);
      if (known != null) {
        return known;
      }
      Optional<Integer> previous = action.previous.map(this::place);
      int base = input(action.state.flatMap(State::output));
      Ref first = previous.map(at -> new Ref(at, true)).orElse(new Ref(base, false));
      Ref second =
          action
              .origin
              .map(origin ->
                  switch (origin) {
                    case FileAction.Origin.Of(State state) -> new Ref(input(state.output()), false);
                    case FileAction.Origin.After(FileAction other) -> new Ref(place(other), true);
                  })
              .orElse(Ref.EMPTY);
      int at = actions.size();
      places.put(action, at);
      actions.add(new Placed(action, base, first, second));
      return at;
    }
  }

  @Override
  List<Output> inputs() {
    List<Output> outputs = new ArrayList<>();
    collect(Optional.of(action), outputs);
    return outputs;
  }

  private static void collect(Optional<FileAction> from, List<Output> outputs) {
    for (Optional<FileAction> at = from; at.isPresent(); at = at.get().previous) {
      add(at.get().state, outputs);
      if (at.get().origin.isPresent()) {
        switch (at.get().origin.get()) {
          case FileAction.Origin.Of(State state) -> add(Optional.of(state), outputs);
          case FileAction.Origin.After(FileAction other) -> collect(Optional.of(other), outputs);
        }
      }
    }
  }

  private static void add(Optional<State> state, List<Output> outputs) {
    state
        .flatMap(State::output)
        .filter(output -> !outputs.contains(output))
        .ifPresent(outputs::add);
  }

  @Override
  Written write(Marshaller marshaller) {
    Constraints additions = new Constraints();
    additions.caps.add(Caps.FILE_BASE); // Go's client names no finer ones, though it means to
    Constraints all = marshaller.defaults.with(own).with(additions);
    Op.Builder op = all.newOp(marshaller.encoding(), false);
    Layout layout = new Layout(marshaller);
    layout.place(action);
    FileOp.Builder file = FileOp.newBuilder();
    for (int i = 0; i < layout.actions.size(); i++) {
      Placed placed = layout.actions.get(i);
      String directory =
          placed
              .action
              .state
              .map(State::dir)
              .orElseThrow(() -> BuildException.invalid("file action without a filesystem"));
      file.addActions(
          placed
              .action
              .change
              .write(directory, placed.base)
              .setInput(placed.input.number(layout.inputs.size()))
              .setSecondaryInput(placed.second.number(layout.inputs.size()))
              .setOutput(i + 1 == layout.actions.size() ? 0 : NONE));
    }
    return written(marshaller, op.addAllInputs(layout.inputs).setFile(file).build(), all);
  }
}
