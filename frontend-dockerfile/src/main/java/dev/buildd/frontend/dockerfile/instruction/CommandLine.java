package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.lex.Heredoc;
import java.util.List;

/**
 * A command to run.
 *
 * @param words of the shell form one, or none if nothing is written
 * @param shell whether a shell is to run it: it is not written as a JSON array
 * @param documents those that the command reads
 */
public record CommandLine(List<String> words, boolean shell, List<Heredoc> documents) {
  public CommandLine {
    words = List.copyOf(words);
    documents = List.copyOf(documents);
  }
}
