package dev.buildd.session.exporter;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.session.ClientSession;
import dev.buildd.session.Session;
import dev.buildd.session.Wired;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ExporterProviderTest {
  /** Chooses an export of what it was asked about, and keeps what it is told. */
  private static final class Choice implements ExporterProvider.Chooser {
    final BlockingQueue<Map<String, String>> told = new LinkedBlockingQueue<>();

    @Override
    public List<ExportRequest> choose(Map<String, byte[]> metadata, List<String> refs) {
      return List.of(
          new ExportRequest(
              "image",
              Map.of(
                  "name",
                  new String(metadata.getOrDefault("name", new byte[0]), UTF_8),
                  "of",
                  String.join("+", refs))));
    }

    @Override
    public void exported(Map<String, String> response) {
      told.add(response);
    }
  }

  /** Cannot choose, for this reason. */
  private record Failing(Category category) implements ExporterProvider.Chooser {
    @Override
    public List<ExportRequest> choose(Map<String, byte[]> metadata, List<String> refs) {
      throw new BuildException(category, "no idea");
    }

    @Override
    public void exported(Map<String, String> response) {
      throw new BuildException(category, "too bad");
    }
  }

  @Test
  void theClientChoosesAndIsTold() throws Exception {
    Choice choice = new Choice();
    try (Wired wired = new Wired();
        ClientSession client = wired.client(new ExporterProvider(choice))) {
      Session session = wired.session(client);
      assertThat(
              ChosenExports.find(
                  session, Map.of("name", "a/b:c".getBytes(UTF_8)), List.of("r1", "r2")))
          .containsExactly(new ExportRequest("image", Map.of("name", "a/b:c", "of", "r1+r2")));
      ChosenExports.finish(session, Map.of("k", "v"));
      assertThat(choice.told).containsExactly(Map.of("k", "v"));
    }
  }

  @Test
  void aClientThatChoosesNothingIsNotAskedToFinish() throws Exception {
    try (Wired wired = new Wired();
        ClientSession client = wired.client()) {
      Session session = wired.session(client);
      assertThat(ChosenExports.find(session, Map.of(), List.of())).isEmpty();
      ChosenExports.finish(session, Map.of());
    }
  }

  @Test
  void failuresReachTheDaemonWhateverTheirCategory() throws Exception {
    for (Category category : List.of(Category.NOT_FOUND, Category.UNAVAILABLE)) {
      try (Wired wired = new Wired();
          ClientSession client = wired.client(new ExporterProvider(new Failing(category)))) {
        Session session = wired.session(client);
        assertThatThrownBy(() -> ChosenExports.find(session, Map.of(), List.of()))
            .isInstanceOf(BuildException.class)
            .hasMessage("find exporters: no idea");
        assertThatThrownBy(() -> ChosenExports.finish(session, Map.of()))
            .isInstanceOf(BuildException.class)
            .hasMessage("finalize export: too bad");
      }
    }
  }

  @Test
  void whatTheClientsOwnProgramThrowsIsTold() throws Exception {
    ExporterProvider.Chooser throwing =
        new ExporterProvider.Chooser() {
          @Override
          public List<ExportRequest> choose(Map<String, byte[]> metadata, List<String> refs) {
            throw new IllegalStateException("no such target");
          }

          @Override
          public void exported(Map<String, String> response) {}
        };
    try (Wired wired = new Wired();
        ClientSession client = wired.client(new ExporterProvider(throwing))) {
      Session session = wired.session(client);
      assertThatThrownBy(() -> ChosenExports.find(session, Map.of(), List.of()))
          .isInstanceOf(BuildException.class)
          .hasMessage("find exporters: no such target");
    }
  }
}
