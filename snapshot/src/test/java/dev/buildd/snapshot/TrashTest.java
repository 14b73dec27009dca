package dev.buildd.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrashTest {
  @TempDir Path temp;

  @Test
  void takesAnyNumberAtOnce() throws IOException {
    int many = 70_000; // more than a Phaser can count
    Path from = Files.createDirectory(temp.resolve("from"));
    for (int i = 0; i < many; i++) {
      Files.createFile(from.resolve("f" + i));
    }
    try (Trash trash = new Trash(temp.resolve("trash"))) {
      for (int i = 0; i < many; i++) {
        trash.add(from.resolve("f" + i));
      }
      trash.await();
      assertThat(from).isEmptyDirectory();
      assertThat(temp.resolve("trash")).isEmptyDirectory();
    }
  }

  @Test
  void aCloseDoesNotWaitAndTheNextStartGoesOn() throws IOException {
    Path deep = temp.resolve("tree");
    for (int i = 0; i < 300; i++) {
      Files.createDirectories(deep.resolve("d" + i));
      for (int n = 0; n < 30; n++) {
        Files.createFile(deep.resolve("d" + i).resolve("f" + n));
      }
    }
    Trash first = new Trash(temp.resolve("trash"));
    first.add(deep);
    first.close();
    assertThat(deep).doesNotExist();
    try (Trash second = new Trash(temp.resolve("trash"))) {
      second.await();
      assertThat(temp.resolve("trash")).isEmptyDirectory();
    }
  }
}
