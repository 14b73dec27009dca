package dev.buildd.snapshot.content;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every content store does, with what keeps its blobs. */
abstract class ContentStoreContract {
  static final byte[] HELLO = bytes("hello");

  @TempDir Path temp;

  /** A store and its leases. */
  record Opened(ContentStore store, LeaseManager leases) {}

  /** Opens what is in the directory; earlier ones are not used any more. */
  abstract Opened open(Path directory);

  private Opened open() {
    return open(temp.resolve("content"));
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void blobsSurviveARestartAndUnfinishedOnesDoNot() throws Exception {
    ContentStore store = open().store();
    Digest digest = store.put(HELLO);
    ContentStore.Writer left = store.write(Digest.of("x"), 1);
    left.stream().write('y');
    assertThat(store.list()).hasSize(1);
    ContentStore again = open().store();
    assertThat(again.list()).extracting(ContentStore.BlobInfo::digest).containsExactly(digest);
    assertThat(again.readAll(digest)).isEqualTo(HELLO);
    assertThat(again.info(digest).orElseThrow().size()).isEqualTo(5);
    assertThat(again.read(digest, 3).readAllBytes()).hasSize(2);
  }

  @Test
  void onlyWhatWasAnnouncedIsTaken() throws Exception {
    Opened opened = open();
    ContentStore store = opened.store();
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
    Opened opened = open();
    ContentStore store = opened.store();
    Digest held = store.put(bytes("held"));
    Digest needed = store.put(bytes("needed"));
    Digest rest = store.put(bytes("rest"));
    LeaseManager.Lease hold = opened.leases().hold(held);
    opened.leases().collect(d -> false, Duration.ofHours(1));
    assertThat(store.list()).hasSize(3);
    opened.leases().collect(needed::equals, Duration.ofSeconds(-1));
    assertThat(store.info(rest)).isEmpty();
    assertThat(store.list()).hasSize(2);
    hold.close();
    hold.close();
    opened.leases().collect(needed::equals, Duration.ofSeconds(-1));
    assertThat(store.list()).hasSize(1);
  }

  @Test
  void absentBlobIsNotFound() {
    Opened opened = open();
    ContentStore store = opened.store();
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
    Opened opened = open();
    ContentStore store = opened.store();
    Digest old = store.put(bytes("old"));
    Digest other = store.put(bytes("other"));
    Digest made;
    try (LeaseManager.Lease _ = opened.leases().open()) {
      assertThat(store.info(old)).isPresent();
      made = store.put(bytes("made"));
      opened.leases().collect(digest -> false, Duration.ofSeconds(-10));
      assertThat(store.info(old)).isPresent();
      assertThat(store.info(made)).isPresent();
      assertThat(store.info(other)).isEmpty();
    }
    opened.leases().collect(digest -> false, Duration.ofSeconds(-10));
    assertThat(store.list()).isEmpty();
  }
}
