package dev.buildd.snapshot.content;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ContentStoreTest {
  private static final byte[] HELLO = "hello".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temp;

  private ContentStore open() {
    return ContentStore.open(temp.resolve("content"));
  }

  @Test
  void blobsSurviveARestartAndUnfinishedOnesDoNot() throws Exception {
    ContentStore store = open();
    Digest digest = store.put(HELLO);
    ContentStore.Writer left = store.write(Digest.of("x"), 1);
    left.stream().write('y');
    assertThat(store.list()).hasSize(1);
    ContentStore again = open();
    assertThat(again.readAll(digest)).isEqualTo(HELLO);
    assertThat(again.info(digest).orElseThrow().size()).isEqualTo(5);
    assertThat(again.read(digest, 3).readAllBytes()).hasSize(2);
    assertThat(temp.resolve("content/ingest")).isEmptyDirectory();
    assertThat(Files.readString(temp.resolve("content/blobs/sha256").resolve(digest.hex())))
        .isEqualTo("hello");
  }

  @Test
  void onlyWhatWasAnnouncedIsTaken() throws Exception {
    ContentStore store = open();
    try (ContentStore.Writer writer = store.write(Digest.of("hello"), 4)) {
      assertThatThrownBy(() -> writer.stream().write(HELLO)).isInstanceOf(BuildException.class);
    }
    try (ContentStore.Writer writer = store.write(Digest.of("other"), 5)) {
      writer.stream().write(HELLO);
      assertThatThrownBy(writer::commit).hasMessageContaining("unexpected commit digest");
    }
    try (ContentStore.Writer writer = store.write(Digest.of("hello"), 6)) {
      writer.stream().write(HELLO);
      assertThatThrownBy(writer::verify).hasMessageContaining("unexpected commit size");
    }
    assertThat(store.list()).isEmpty();
    try (ContentStore.Writer writer = store.write(Digest.of("hello"), 5)) {
      writer.stream().write(HELLO);
      assertThat(writer.open().readAllBytes()).isEqualTo(HELLO);
    }
    assertThat(store.list()).isEmpty();
  }

  @Test
  void collectKeepsWhatIsHeldNeededOrYoung() {
    ContentStore store = open();
    Digest held = store.put("held".getBytes(StandardCharsets.UTF_8));
    Digest needed = store.put("needed".getBytes(StandardCharsets.UTF_8));
    Digest rest = store.put("rest".getBytes(StandardCharsets.UTF_8));
    ContentStore.Hold hold = store.hold(held);
    store.collect(d -> false, Duration.ofHours(1));
    assertThat(store.list()).hasSize(3);
    store.collect(needed::equals, Duration.ofSeconds(-1));
    assertThat(store.info(rest)).isEmpty();
    assertThat(store.list()).hasSize(2);
    hold.close();
    hold.close();
    store.collect(needed::equals, Duration.ofSeconds(-1));
    assertThat(store.list()).hasSize(1);
  }

  @Test
  void absentBlobIsNotFound() {
    ContentStore store = open();
    for (Runnable use :
        new Runnable[] {
          () -> store.readAll(Digest.of("no")),
          () -> store.delete(Digest.of("no")),
          () -> store.read(Digest.of("no"), 0)
        }) {
      assertThatThrownBy(use::run)
          .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.NOT_FOUND));
    }
  }

  @Test
  void whatABuildUsesIsNotCollected() {
    ContentStore store = ContentStore.open(temp);
    Digest old = store.put("old".getBytes(StandardCharsets.UTF_8));
    Digest other = store.put("other".getBytes(StandardCharsets.UTF_8));
    Digest made;
    try (ContentStore.Lease _ = store.lease()) {
      assertThat(store.info(old)).isPresent();
      made = store.put("made".getBytes(StandardCharsets.UTF_8));
      store.collect(digest -> false, Duration.ofSeconds(-10));
      assertThat(store.info(old)).isPresent();
      assertThat(store.info(made)).isPresent();
      assertThat(store.info(other)).isEmpty();
    }
    store.collect(digest -> false, Duration.ofSeconds(-10));
    assertThat(store.list()).isEmpty();
  }
}
