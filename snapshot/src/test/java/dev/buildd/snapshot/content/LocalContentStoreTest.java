package dev.buildd.snapshot.content;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class LocalContentStoreTest extends ContentStoreContract {
  @Override
  Opened open(Path directory) {
    LocalContentStore store = LocalContentStore.open(directory);
    return new Opened(store, store);
  }

  @Test
  void blobsAreFilesNamedByTheirDigests() throws Exception {
    LocalContentStore store = LocalContentStore.open(temp);
    Digest digest = store.put(HELLO);
    store.write(Digest.of("x"), 1).stream().write('y');
    assertThat(Files.readString(temp.resolve("blobs/sha256").resolve(digest.hex())))
        .isEqualTo("hello");
    LocalContentStore.open(temp);
    assertThat(temp.resolve("ingest")).isEmptyDirectory();
  }
}
