package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.lex.Heredoc;
import dev.buildd.frontend.dockerfile.lex.HeredocWords;
import dev.buildd.frontend.dockerfile.lex.Line;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Makes an instruction of a line (dockerfile.md section 3). Counts of arguments are checked before
 * flags. Faults have no place and no prefix yet.
 */
final class InstructionParser {
  static final List<String> KEYWORDS =
      List.of(
          "ADD",
          "ARG",
          "CMD",
          "COPY",
          "ENTRYPOINT",
          "ENV",
          "EXPOSE",
          "FROM",
          "HEALTHCHECK",
          "LABEL",
          "MAINTAINER",
          "ONBUILD",
          "RUN",
          "SHELL",
          "STOPSIGNAL",
          "USER",
          "VOLUME",
          "WORKDIR");

  private final Line line;
  private final Origin origin;
  private final List<String> words;

  private InstructionParser(Line line) {
    this.line = line;
    this.origin = originOf(line);
    this.words = line.arguments().words();
  }

  static Origin originOf(Line line) {
    return new Origin(line.keyword(), Texts.trim(line.text()), line.comments(), line.location());
  }

  /** Any instruction but FROM. */
  static Instruction parse(Line line) {
    InstructionParser parser = new InstructionParser(line);
    return switch (line.name()) {
      case "add" -> parser.add();
      case "arg" -> parser.arg();
      case "cmd" -> parser.cmd();
      case "copy" -> parser.copy();
      case "entrypoint" -> parser.entrypoint();
      case "env" -> new Env(parser.origin, parser.pairs("ENV"));
      case "expose" -> parser.expose();
      case "healthcheck" -> HealthcheckParser.parse(parser.origin, line);
      case "label" -> new Label(parser.origin, parser.pairs("LABEL"));
      case "maintainer" -> new Maintainer(parser.origin, parser.only("MAINTAINER"));
      case "onbuild" -> parser.onBuild();
      case "run" -> parser.run();
      case "shell" -> parser.shell();
      case "stopsignal" -> parser.stopSignal();
      case "user" -> new User(parser.origin, parser.only("USER"));
      case "volume" -> parser.volume();
      case "workdir" -> new Workdir(parser.origin, parser.only("WORKDIR"));
      default ->
          throw new DockerfileException(
              "unknown instruction: "
                  + line.keyword()
                  + Suggestions.hintOfAnyCase(line.keyword(), KEYWORDS));
    };
  }

  static DockerfileException needsArgument(String keyword) {
    return new DockerfileException(keyword + " requires at least one argument");
  }

  private void needArguments(String keyword) {
    if (words.isEmpty()) {
      throw needsArgument(keyword);
    }
  }

  private void refuseFlags() {
    new FlagReader().read(line.flags());
  }

  private String only(String keyword) {
    needOne(keyword);
    refuseFlags();
    return words.getFirst();
  }

  private void needOne(String keyword) {
    if (words.size() != 1) {
      throw new DockerfileException(keyword + " requires exactly one argument");
    }
  }

  /** Of ENV and LABEL: here flags come first. */
  private List<KeyValue> pairs(String keyword) {
    refuseFlags();
    needArguments(keyword);
    List<KeyValue> pairs = new ArrayList<>(words.size() / 2);
    for (int i = 0; i + 1 < words.size(); i += 2) {
      if (words.get(i).isEmpty()) {
        throw blankName(keyword);
      }
      pairs.add(new KeyValue(words.get(i), words.get(i + 1), line.arguments().legacy()));
    }
    return pairs;
  }

  private static DockerfileException blankName(String keyword) {
    return new DockerfileException(keyword + " names can not be blank");
  }

  /** Its flags are ignored. */
  private Arg arg() {
    needArguments("ARG");
    List<Arg.Variable> variables = new ArrayList<>(words.size());
    for (String word : words) {
      int equals = word.indexOf('=');
      if (equals == 0) {
        throw blankName("ARG");
      }
      variables.add(
          equals < 0
              ? new Arg.Variable(word, Optional.empty())
              : new Arg.Variable(
                  word.substring(0, equals), Optional.of(word.substring(equals + 1))));
    }
    return new Arg(origin, variables);
  }

  private Add add() {
    needDestination("ADD");
    FlagReader flags =
        new FlagReader()
            .texts("chown", "chmod", "checksum")
            .truths("link", "keep-git-dir", "unpack")
            .repeated("exclude")
            .read(line.flags());
    return new Add(
        origin,
        sources("ADD"),
        flags.text("chown"),
        flags.text("chmod"),
        flags.isTrue("link"),
        flags.truth("keep-git-dir"),
        flags.text("checksum"),
        flags.truth("unpack"),
        flags.all("exclude"));
  }

  private Copy copy() {
    needDestination("COPY");
    FlagReader flags =
        new FlagReader()
            .texts("from", "chown", "chmod")
            .truths("link", "parents")
            .repeated("exclude")
            .read(line.flags());
    return new Copy(
        origin,
        sources("COPY"),
        flags.text("from"),
        flags.text("chown"),
        flags.text("chmod"),
        flags.isTrue("link"),
        flags.isTrue("parents"),
        flags.all("exclude"));
  }

  private void needDestination(String keyword) {
    if (words.size() < 2) {
      throw new DockerfileException(
          keyword
              + " requires at least two arguments, but only one was provided. Destination could"
              + " not be determined");
    }
  }

  private Sources sources(String keyword) {
    String destination = words.getLast();
    if (HeredocWords.ofArgument(destination).isPresent()) {
      throw new DockerfileException(keyword + " cannot accept a heredoc as a destination");
    }
    Map<String, String> bodies = new HashMap<>();
    line.heredocs().forEach(document -> bodies.put(document.name(), document.content()));
    List<String> paths = new ArrayList<>();
    List<Sources.Document> documents = new ArrayList<>();
    for (String word : words.subList(0, words.size() - 1)) {
      Optional<Heredoc> announced = HeredocWords.ofArgument(word);
      if (announced.isEmpty()) {
        paths.add(word);
      } else {
        Heredoc named = announced.get();
        Heredoc document = named.withContent(bodies.getOrDefault(named.name(), ""));
        documents.add(new Sources.Document(document.name(), document.chomped(), document.expand()));
      }
    }
    return new Sources(paths, documents, destination);
  }

  private CommandLine command() {
    return new CommandLine(words, !line.arguments().json(), line.heredocs());
  }

  private Cmd cmd() {
    refuseFlags();
    return new Cmd(origin, command());
  }

  private Entrypoint entrypoint() {
    refuseFlags();
    return new Entrypoint(origin, command());
  }

  private Run run() {
    FlagReader flags =
        new FlagReader()
            .repeated("mount", "device")
            .texts("network", "security")
            .read(line.flags());
    return new Run(
        origin,
        command(),
        flags.all("mount"),
        flags.all("mount").stream().map(Mounts::parseFrom).toList(),
        network(flags.text("network", "default")),
        security(flags.text("security", "sandbox")),
        flags.all("device").stream().map(Devices::parse).toList());
  }

  private static String network(String mode) {
    return switch (mode) {
      case "default", "none", "host" -> mode;
      default -> throw new DockerfileException("invalid network mode " + GoQuote.of(mode));
    };
  }

  private static String security(String mode) {
    return switch (mode) {
      case "sandbox", "insecure" -> mode;
      default -> throw new DockerfileException("security " + GoQuote.of(mode) + " is not valid");
    };
  }

  private Expose expose() {
    needArguments("EXPOSE");
    refuseFlags();
    return new Expose(origin, words.stream().sorted(InstructionParser::compareCodePoints).toList());
  }

  /** In the order of their bytes. */
  private static int compareCodePoints(String a, String b) {
    return Arrays.compareUnsigned(Texts.encode(a), Texts.encode(b));
  }

  private Volume volume() {
    needArguments("VOLUME");
    refuseFlags();
    return new Volume(origin, Volume.checked(words.stream().map(Texts::trim).toList()));
  }

  /** Its flags are ignored. */
  private StopSignal stopSignal() {
    needOne("STOPSIGNAL");
    return new StopSignal(origin, words.getFirst());
  }

  private Shell shell() {
    refuseFlags();
    needArguments("SHELL");
    if (!line.arguments().json()) {
      throw new DockerfileException("SHELL requires the arguments to be in JSON form");
    }
    return new Shell(origin, words);
  }

  private OnBuild onBuild() {
    String triggered =
        line.trigger()
            .orElseThrow(() -> needsArgument("ONBUILD"))
            .keyword()
            .toUpperCase(Locale.ROOT);
    refuseFlags();
    return switch (triggered) {
      case "ONBUILD" ->
          throw new DockerfileException("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
      case "MAINTAINER", "FROM" ->
          throw new DockerfileException(triggered + " isn't allowed as an ONBUILD trigger");
      default -> new OnBuild(origin, triggerText());
    };
  }

  /** What follows the keyword, and the documents as they were written. */
  private String triggerText() {
    String text = stripSpaces(line.text());
    StringBuilder out =
        new StringBuilder(
            text.regionMatches(true, 0, "ONBUILD", 0, 7) ? stripSpaces(text.substring(7)) : text);
    for (Heredoc document : line.heredocs()) {
      out.append('\n').append(document.content()).append(document.name());
    }
    return out.toString();
  }

  private static String stripSpaces(String text) {
    int from = 0;
    while (from < text.length() && " \t\n\f\r".indexOf(text.charAt(from)) >= 0) {
      from++;
    }
    return text.substring(from);
  }
}
