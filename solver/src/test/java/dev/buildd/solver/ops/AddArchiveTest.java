package dev.buildd.solver.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.proto.pb.ChownOpt;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileActionCopy;
import dev.buildd.proto.pb.UserOpt;
import dev.buildd.solver.graph.SharedResult;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What ADD of a Dockerfile does with archives. */
@Tag("root")
@Timeout(30)
final class AddArchiveTest {
  @TempDir Path temp;
  private FileLab lab;

  @BeforeEach
  void start() throws Exception {
    lab = new FileLab(temp);
    Path files = Files.createDirectories(temp.resolve("files"));
    Files.writeString(files.resolve("a"), "from the archive");
    run("tar", "-czf", temp.resolve("a.tar.gz").toString(), "-C", files.toString(), "a");
  }

  @AfterEach
  void stop() {
    lab.close();
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  /** Copies from a directory with an archive and a text file whose name says it is one. */
  private void add(FileActionCopy copy, FileLab.Look look) throws Exception {
    try (SharedResult context =
        lab.tree(root -> {
          Files.copy(temp.resolve("a.tar.gz"), root.resolve("a.tar.gz"));
          Files.writeString(root.resolve("b.tar.gz"), "no archive");
        })) {
      FileAction.Builder action =
          FileAction.newBuilder().setInput(-1).setSecondaryInput(0).setOutput(0);
      lab.run(action.setCopy(copy.toBuilder().setMode(-1).setTimestamp(-1)).build(), look, context);
    }
  }

  private static FileActionCopy.Builder copy(String from, String to) {
    return FileActionCopy.newBuilder().setSrc(from).setDest(to).setCreateDestPath(true);
  }

  @Test
  void unpacksIntoADirectoryMadeForIt() throws Exception {
    add(
        copy("/a.tar.gz", "/x/y").setAttemptUnpackDockerCompatibility(true).build(),
        root -> {
          assertThat(root.resolve("x/y/a")).hasContent("from the archive");
          assertThat(Linux.lstat(root.resolve("x/y")).permissions()).isEqualTo(0755);
        });
  }

  @Test
  void copiesWithoutBeingAskedToUnpack() throws Exception {
    add(
        copy("/a.tar.gz", "/x/").build(),
        root ->
            assertThat(root.resolve("x/a.tar.gz"))
                .hasSameBinaryContentAs(temp.resolve("a.tar.gz")));
  }

  @Test
  void wildcardsMayMeetBoth() throws Exception {
    add(
        copy("/*.tar.gz", "/x/")
            .setAllowWildcard(true)
            .setAttemptUnpackDockerCompatibility(true)
            .build(),
        root -> {
          assertThat(root.resolve("x").toFile().list()).containsExactlyInAnyOrder("a", "b.tar.gz");
          assertThat(root.resolve("x/b.tar.gz")).hasContent("no archive");
        });
  }

  @Test
  void ownerIsOfAll() throws Exception {
    ChownOpt owner =
        ChownOpt.newBuilder()
            .setUser(UserOpt.newBuilder().setByID(5))
            .setGroup(UserOpt.newBuilder().setByID(6))
            .build();
    add(
        copy("/a.tar.gz", "/x").setAttemptUnpackDockerCompatibility(true).setOwner(owner).build(),
        root -> {
          for (String name : new String[] {"x", "x/a"}) {
            Stat stat = Linux.lstat(root.resolve(name));
            assertThat(stat.uid()).as(name).isEqualTo(5);
            assertThat(stat.gid()).as(name).isEqualTo(6);
          }
        });
  }
}
