package dev.buildd.examples;

import dev.buildd.base.content.Platform;
import dev.buildd.llb.Encoding;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.State;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What all examples have in common: flags, and where the definition goes. */
final class Example {
  static final String DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  private static final String ENCODING = "encoding";

  private final Map<String, String> values = new LinkedHashMap<>();

  private Example() {}

  /**
   * Reads {@code --name value} and {@code --name=value}.
   *
   * @param defaults the flags that the example knows; {@code --encoding today|seed} is one of every
   *     example
   */
  static Example flags(List<String> arguments, Map<String, String> defaults) {
    Example example = new Example();
    example.values.put(ENCODING, "today");
    example.values.putAll(defaults);
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
      example.values.put(name, equals < 0 ? arguments.get(at++) : text.substring(equals + 1));
    }
    return example;
  }

  String get(String name) {
    return Optional.ofNullable(values.get(name)).orElseThrow();
  }

  MarshalOptions marshalOptions() {
    MarshalOptions options = MarshalOptions.defaults(Llb.platform(Platform.host().normalized()));
    return get(ENCODING).equals("seed") ? options.withEncoding(Encoding.SEED) : options;
  }

  void write(State state) throws IOException {
    try (OutputStream out = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out))) {
      state.marshal(marshalOptions()).writeTo(out);
    }
  }

  /** Runs an example and says on standard error what is wrong with its flags. */
  static void run(String[] arguments, Map<String, String> defaults, Body body) throws IOException {
    Example example;
    try {
      example = flags(List.of(arguments), defaults);
    } catch (IllegalArgumentException e) {
      System.err.println("error: " + e.getMessage());
      System.exit(2);
      return;
    }
    example.write(body.build(example));
  }

  /** Describes the example's build. */
  @FunctionalInterface
  interface Body {
    State build(Example flags);
  }
}
