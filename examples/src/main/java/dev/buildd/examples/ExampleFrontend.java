package dev.buildd.examples;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.Category;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.llb.ConstraintsOption;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.ResolveMode;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.llb.State;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A frontend for a language of three words, to start one's own from. Each line is a step:
 *
 * <pre>
 * # from an image, from an input of the build that has this name, or from scratch
 * base busybox
 * file /greeting hello
 * run cat /greeting
 * </pre>
 *
 * <p>The text is the file {@code Buildfile}, or what the option {@code filename} says, of the
 * client's directory {@code dockerfile}, where all of BuildKit's clients offer such files.
 */
public final class ExampleFrontend implements Frontend {
  private static final String CONFIG = "containerimage.config";

  @Override
  public Result build(GatewayClient client) throws Exception {
    String filename = client.options().getOrDefault("filename", "Buildfile");
    State source = Llb.local("dockerfile", Llb.includePatterns(List.of(filename)));
    byte[] text = solve(client, source).single().orElseThrow().readFile(filename);
    return new Run(client, new SourceMap(Optional.of(source), filename, "Buildfile", text)).build();
  }

  private static Result solve(GatewayClient client, State state) throws InterruptedException {
    MarshalOptions options =
        MarshalOptions.forDaemon(client.llbCaps(), Llb.platform(Platform.host().normalized()));
    return client.solve(GatewayClient.Request.of(state.marshal(options)));
  }

  /** One text on its way to a result. */
  private static final class Run {
    private final GatewayClient client;
    private final SourceMap source;
    private State state = Llb.scratch();
    private Optional<byte[]> config = Optional.empty();

    Run(GatewayClient client, SourceMap source) {
      this.client = client;
      this.source = source;
    }

    Result build() throws InterruptedException {
      List<String> lines = new String(source.data(), StandardCharsets.UTF_8).lines().toList();
      for (int i = 0; i < lines.size(); i++) {
        String line = lines.get(i).strip();
        if (!line.isEmpty() && !line.startsWith("#")) {
          step(line, SourceMap.Span.lines(i + 1, i + 1));
        }
      }
      Result result = solve(client, state);
      return config.isPresent() ? result.withMetadata(CONFIG, config.get()) : result;
    }

    /** Says of each step where it comes from: whoever watches sees its line if it fails. */
    private void step(String line, SourceMap.Span span) throws InterruptedException {
      ConstraintsOption place = source.location(List.of(span));
      ConstraintsOption name = Llb.customName(line);
      String[] words = line.split("\\s+", 3);
      if (words[0].equals("base") && words.length == 2) {
        base(words[1], span);
      } else if (words[0].equals("file") && words.length == 3) {
        state = state.file(Llb.mkfile(words[1], 0644, words[2] + "\n"), place, name);
      } else if (words[0].equals("run") && words.length > 1) {
        String command = line.substring("run".length()).strip();
        state = state.run(Llb.shell(command), place, name).root();
      } else {
        throw fault("neither base NAME, file PATH TEXT nor run COMMAND: " + line, span, null);
      }
    }

    private void base(String name, SourceMap.Span span) throws InterruptedException {
      Definition input = client.inputs().get(name);
      if (input != null) {
        state = Llb.definition(input);
      } else if (name.equals("scratch")) {
        state = Llb.scratch();
      } else {
        image(name, span);
      }
    }

    private void image(String name, SourceMap.Span span) throws InterruptedException {
      try {
        ImageMetaResolver.Resolved found =
            client.resolveImageConfig(
                new ImageRequest(
                    name, Optional.empty(), ResolveMode.DEFAULT, "", Optional.empty()));
        state = Llb.image(name).withImageConfig(found.config());
        config = Optional.of(found.config());
      } catch (SolveException e) {
        throw fault(String.valueOf(e.getMessage()), span, e);
      }
    }

    private SolveException fault(
        String message, SourceMap.Span span, @Nullable SolveException cause) {
      SourceInfo info =
          new SourceInfo(source.filename(), source.language(), source.data(), Optional.empty());
      return new SolveException(
          cause == null ? Category.INVALID_ARGUMENT : cause.category(),
          message,
          SolveException.Where.at(new SolveException.Place(info, List.of(span))),
          cause);
    }
  }
}
