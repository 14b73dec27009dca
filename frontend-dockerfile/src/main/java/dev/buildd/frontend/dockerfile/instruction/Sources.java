package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;

/**
 * What is copied, and where to.
 *
 * @param documents those written in place, after all paths
 */
public record Sources(List<String> paths, List<Document> documents, String destination) {
  /**
   * A file written in the Dockerfile.
   *
   * @param content with leading tabs dropped if its name asks for that
   */
  public record Document(String name, String content, boolean expand) {
    private Document expanded(Words words) {
      return expand ? new Document(name, words.document(content), true) : this;
    }
  }

  public Sources {
    paths = List.copyOf(paths);
    documents = List.copyOf(documents);
  }

  Sources expanded(Words words) {
    List<String> expandedPaths = paths.stream().map(words::word).toList();
    String expandedDestination = words.word(destination);
    return new Sources(
        expandedPaths,
        documents.stream().map(document -> document.expanded(words)).toList(),
        expandedDestination);
  }
}
