package dev.buildd.examples;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Encoding;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.State;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.logging.LogManager;

/** What all examples have in common: flags, and where the definition goes. */
final class Example {
  private static final String ENCODING = "encoding";

  private final Map<String, List<String>> values = new LinkedHashMap<>();

  private Example() {}

  /**
   * Reads {@code --name value} and {@code --name=value}.
   *
   * @param defaults the flags that the example knows; {@code --encoding today|seed} is one of every
   *     example
   */
  static Example flags(List<String> arguments, Map<String, String> defaults) {
    Example example = new Example();
    Map<String, String> known = new LinkedHashMap<>(defaults);
    known.put(ENCODING, "today");
    known.forEach((name, value) -> example.values.put(name, List.of(value)));
    Set<String> given = new HashSet<>();
    int at = 0;
    while (at < arguments.size()) {
      String word = arguments.get(at++);
      if (!word.startsWith("-")) {
        throw new IllegalArgumentException("unexpected argument: " + word);
      }
      String text = word.startsWith("--") ? word.substring(2) : word.substring(1);
      int equals = text.indexOf('=');
      String name = equals < 0 ? text : text.substring(0, equals);
      if (!example.values.containsKey(name)) {
        throw new IllegalArgumentException(
            "flag provided but not defined: -" + name + "; known: " + example.values.keySet());
      }
      if (equals < 0 && at == arguments.size()) {
        throw new IllegalArgumentException("flag needs an argument: -" + name);
      }
      List<String> all = given.add(name) ? new ArrayList<>() : new ArrayList<>(example.all(name));
      all.add(equals < 0 ? arguments.get(at++) : text.substring(equals + 1));
      example.values.put(name, all);
    }
    return example;
  }

  /** What was given last. */
  String get(String name) {
    return all(name).getLast();
  }

  /** All that was given for a flag that may be repeated; the default if nothing was. */
  List<String> all(String name) {
    return Optional.ofNullable(values.get(name)).orElseThrow();
  }

  MarshalOptions marshalOptions() {
    MarshalOptions options = MarshalOptions.defaults(Llb.platform(Platform.host().normalized()));
    return get(ENCODING).equals("seed") ? options.withEncoding(Encoding.SEED) : options;
  }

  static void write(Definition definition) throws IOException {
    try (OutputStream out = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out))) {
      definition.writeTo(out);
    }
  }

  /** Runs an example that describes a build. */
  static void run(String[] arguments, Map<String, String> defaults, Body body) throws Exception {
    start(arguments, defaults, flags -> write(body.build(flags).marshal(flags.marshalOptions())));
  }

  /** Runs an example and says on standard error what is wrong with its flags or its build. */
  static void start(String[] arguments, Map<String, String> defaults, Program program)
      throws Exception {
    System.setProperty("slf4j.internal.verbosity", "ERROR");
    LogManager.getLogManager().reset(); // what the network library has to say is of no use here
    try {
      program.run(flags(List.of(arguments), defaults));
    } catch (IllegalArgumentException e) {
      System.err.println("error: " + e.getMessage());
      System.exit(2);
    } catch (BuildException e) {
      System.err.println("error: " + places(e) + e.getMessage());
      System.exit(1);
    }
  }

  /** Where in a text the fault is, as compilers say it. */
  private static String places(BuildException e) {
    StringBuilder out = new StringBuilder();
    if (e instanceof SolveException solve) {
      for (SolveException.Place place : solve.places()) {
        place.spans().stream()
            .findFirst()
            .ifPresent(span ->
                out.append(place.source().filename())
                    .append(':')
                    .append(span.startLine())
                    .append(": "));
      }
    }
    return out.toString();
  }

  /** Describes the example's build. */
  @FunctionalInterface
  interface Body {
    State build(Example flags) throws Exception;
  }

  /** Does what the example does. */
  @FunctionalInterface
  interface Program {
    void run(Example flags) throws Exception;
  }
}
