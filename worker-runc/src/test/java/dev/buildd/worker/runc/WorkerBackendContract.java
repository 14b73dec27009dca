package dev.buildd.worker.runc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.MountPoint;
import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.worker.WorkerBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How the parts of a backend work with one another, from a step to a layer and back. */
@Tag("root")
@Timeout(60)
abstract class WorkerBackendContract {
  private static final String TAR = "application/vnd.oci.image.layer.v1.tar";

  @TempDir Path temp;
  Path scratch;
  private MetadataStore store;
  private WorkerBackend backend;

  abstract WorkerBackend open(Path root, MetadataStore store) throws Exception;

  @BeforeEach
  void start() throws Exception {
    scratch = Files.createDirectories(temp.resolve("scratch"));
    store = MetadataStore.open(temp.resolve("metadata"));
    backend = open(temp, store);
  }

  @AfterEach
  void stop() {
    backend.close();
    store.close();
    assertThat(scratch).isEmptyDirectory();
  }

  private String base() throws IOException {
    Snapshotter snapshots = backend.snapshotter();
    String id = snapshots.prepare(Optional.empty());
    try (MountPoint at = MountPoint.open(snapshots.mounts(id), scratch)) {
      Files.createDirectories(at.path().resolve("bin"));
      Files.copy(Path.of("/bin/busybox"), at.path().resolve("bin/sh"));
    }
    snapshots.commit(id).await();
    return id;
  }

  private String step(String parent, String script) throws Exception {
    Snapshotter snapshots = backend.snapshotter();
    String id = snapshots.prepare(Optional.of(parent));
    try (MountPoint at = MountPoint.open(snapshots.mounts(id), scratch)) {
      assertThat(Step.shell(at.path(), script).run(backend.executor()).code()).isZero();
    }
    snapshots.commit(id).await();
    return id;
  }

  private String read(String snapshot, String file) throws IOException {
    try (MountPoint at = MountPoint.open(backend.snapshotter().view(snapshot), scratch)) {
      return Files.readString(at.path().resolve(file));
    }
  }

  private Descriptor blob(String snapshot, Optional<String> below) throws Exception {
    try (ContentStore.Writer writer = backend.content().writeNew()) {
      backend.differ().archive(snapshot, below, writer.stream());
      writer.commit();
      return new Descriptor(
          TAR, writer.verify(), writer.written(), Optional.empty(), Map.of(), List.of());
    }
  }

  @Test
  void aStepsLayerAppliedElsewhereIsTheSame() throws Exception {
    String base = base();
    String made = step(base, "echo of a step > /made && echo x > /bin/x");
    Descriptor layer = blob(made, Optional.of(base));
    String again = backend.snapshotter().prepare(Optional.of(base));
    Digest diffId = backend.applier().apply(layer, backend.snapshotter().mounts(again));
    backend.snapshotter().commit(again).await();
    assertThat(diffId).isEqualTo(layer.digest());
    assertThat(read(again, "made")).isEqualTo("of a step\n");
    assertThat(blob(again, Optional.of(base)).digest()).isEqualTo(layer.digest());
  }

  @Test
  void whatWasKeptIsThereAgainAndNothingElse() throws Exception {
    String base = base();
    String made = step(base, "echo 1 > /made");
    String lost = backend.snapshotter().prepare(Optional.of(made));
    Digest blob = blob(made, Optional.of(base)).digest();
    backend.close();
    store.close();
    start();
    assertThat(backend.snapshotter().ids()).containsExactlyInAnyOrder(base, made);
    assertThat(backend.snapshotter().contains(lost)).isFalse();
    assertThat(read(made, "made")).isEqualTo("1\n");
    assertThat(backend.content().info(blob)).isPresent();
  }

  @Test
  void leasesKeepBlobsOfThisContentStore() throws Exception {
    String base = base();
    Descriptor layer = blob(base, Optional.empty());
    try (LeaseManager.Lease _ = backend.leases().hold(layer.digest())) {
      backend.leases().collect(digest -> false, Duration.ofSeconds(-1));
      String again = backend.snapshotter().prepare(Optional.empty());
      assertThat(backend.applier().apply(layer, backend.snapshotter().mounts(again)))
          .isEqualTo(layer.digest());
    }
    assertThat(backend.leases().holds()).isZero();
    backend.leases().collect(digest -> false, Duration.ofSeconds(-1));
    assertThat(backend.content().list()).isEmpty();
  }
}
