package dev.buildd.examples;

import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.State;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Graphs for measuring: {@code --kind files} makes {@code --count} files side by side, gathered by
 * copies of a hundred; {@code --kind chain} puts as many files into one filesystem, one after
 * another; {@code --kind steps} runs as many commands one after another on the client's directory
 * {@code rootfs}; {@code --kind local} copies the client's directory {@code data} into one layer;
 * {@code --kind image} adds a file to the image {@code --image}. Another {@code --salt} makes
 * another graph; {@code --local-id} stands for the client, which else is another each time.
 */
public final class Workload {
  private static final int GATHERED = 100;

  private Workload() {}

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        Map.of("kind", "files", "count", "100", "salt", "", "image", "busybox", "local-id", ""),
        flags -> {
          MarshalOptions options = flags.marshalOptions();
          String id = flags.get("local-id");
          Example.write(
              build(flags).marshal(id.isEmpty() ? options : options.withLocalUniqueId(id)));
        });
  }

  static State build(Example flags) {
    int count = Integer.parseInt(flags.get("count"));
    String salt = flags.get("salt");
    return switch (flags.get("kind")) {
      case "files" -> files(count, salt);
      case "chain" -> chain(count, salt);
      case "steps" -> steps(count, salt);
      case "local" ->
          Llb.scratch()
              .file(Llb.copy(Llb.local("data"), "/", "/" + salt, FileAction.CopyOptions.DEFAULT));
      case "image" -> Llb.image(flags.get("image")).file(Llb.mkfile("/salt", 0644, salt));
      default -> throw new IllegalArgumentException("kind is files, chain, steps, local or image");
    };
  }

  private static State files(int count, String salt) {
    List<State> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(Llb.scratch().file(Llb.mkfile("/f" + i, 0644, i + salt)));
    }
    State gathered = Llb.scratch();
    for (int from = 0; from < count; from += GATHERED) {
      FileAction copies = Llb.copy(all.get(from), "/f" + from, "/");
      for (int i = from + 1; i < Math.min(count, from + GATHERED); i++) {
        copies = copies.copy(all.get(i), "/f" + i, "/");
      }
      gathered = gathered.file(copies);
    }
    return gathered;
  }

  private static State chain(int count, String salt) {
    State state = Llb.scratch();
    for (int i = 0; i < count; i++) {
      state = state.file(Llb.mkfile("/f" + i, 0644, i + salt));
    }
    return state;
  }

  private static State steps(int count, String salt) {
    State state =
        Llb.scratch()
            .file(
                Llb.copy(
                    Llb.local("rootfs"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly()))
            .addEnv("SALT", salt);
    for (int i = 0; i < count; i++) {
      state = state.run(Llb.args("/bin/busybox", "sh", "-c", "echo " + i + " >> /log")).root();
    }
    return state;
  }
}
