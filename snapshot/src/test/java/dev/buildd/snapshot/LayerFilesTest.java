package dev.buildd.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LayerFilesTest {
  private static final int DEPTH = 3000;

  @TempDir Path temp;

  /** Deeper than a path may be long: made from the inside out, as a step does by {@code cd}. */
  private Path deep() throws Exception {
    Path top = temp.resolve("top");
    Files.createDirectory(top);
    Files.writeString(top.resolve("f"), "x");
    for (int i = 0; i < DEPTH; i++) {
      Path above = Files.createDirectory(temp.resolve("above"));
      Linux.rename(top, above.resolve("confdir"), 0);
      Linux.rename(above, top, 0);
    }
    return top;
  }

  @Test
  void treesDeeperThanAPathAreMeasuredAndDeleted() throws Exception {
    Path top = deep();
    assertThat(LayerFiles.usage(top, false).inodes()).isEqualTo(DEPTH + 2);
    FileTree.delete(top);
    assertThat(temp).isEmptyDirectory();
  }
}
