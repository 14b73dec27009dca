package dev.buildd.worker.runc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.worker.WorkerBackend;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class RuncNativeBackendTest extends WorkerBackendContract {
  @Override
  WorkerBackend open(Path root, MetadataStore store) throws Exception {
    return RuncBackend.open(
        root, store, "native", RuncSettings.of(root.resolve("executor")), scratch);
  }

  @Test
  void itsNamesAreThoseThatUsersKnow() throws Exception {
    try (MetadataStore store = MetadataStore.open(temp.resolve("other/metadata"));
        WorkerBackend backend = open(temp.resolve("other"), store)) {
      assertThat(backend.name()).isEqualTo("oci");
      assertThat(backend.snapshotter().name()).isEqualTo("native");
    }
  }
}
